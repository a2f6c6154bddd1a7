"""pypsrp at the same work, for the benchmark: reads a job in JSON on standard input, prints what it cost.

Each host gets one connection, one logon, one shell; the WQL queries and the command lines are given.
"""

import concurrent.futures
import json
import multiprocessing
import resource
import sys
import time
import xml.etree.ElementTree as ET

from pypsrp.exceptions import WSManFaultError
from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan

N = "{http://schemas.xmlsoap.org/ws/2004/09/enumeration}"
W = "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}"
WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/*"


def query(wsman, text):
    """How many rows a query has."""
    ask = ET.Element(N + "Enumerate")
    ET.SubElement(ask, W + "OptimizeEnumeration")
    ET.SubElement(ask, W + "MaxElements").text = "32000"
    ET.SubElement(ask, W + "Filter", Dialect=WQL).text = text
    try:
        answer = wsman.enumerate(WMI, ask)
    except WSManFaultError:
        return 0  # A class that is not there.
    rows = len(answer.find(".//" + W + "Items") or [])
    while True:
        context = answer.find(".//" + N + "EnumerationContext")
        if context is None or not context.text:
            return rows
        pull = ET.Element(N + "Pull")
        ET.SubElement(pull, N + "EnumerationContext").text = context.text
        ET.SubElement(pull, N + "MaxElements").text = "32000"
        answer = wsman.pull(WMI, pull)
        rows += len(answer.find(".//" + N + "Items") or [])


def read(job, address):
    """Rows and characters of one host."""
    with WSMan(address, port=5985, ssl=False, auth="negotiate", encryption="always", username=job["user"],
               password=job["password"]) as wsman:
        rows = sum(query(wsman, text) for text in job["queries"])
        size = 0
        with WinRS(wsman, codepage=65001, no_profile=True) as shell:
            for line in job["commands"]:
                process = Process(shell, line)
                process.invoke()
                process.signal(SignalCode.TERMINATE)
                size += len(process.stdout.decode("utf-8", "replace"))
    return rows, size


def work(job, addresses):
    """One process: its share of the hosts by a few threads. CPU from here on, without what imports took."""
    began = time.process_time()
    good, errors = 0, []

    def one(address):
        try:
            rows, size = read(job, address)
            return None if rows and size > 10_000 else f"{address}: {rows} rows, {size} characters"
        except Exception as error:
            return f"{address}: {error!r}"

    with concurrent.futures.ThreadPoolExecutor(job["threads"]) as pool:
        for error in pool.map(one, addresses):
            good += error is None
            errors += [error] if error else []
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"read": good, "errors": errors, "cpu": time.process_time() - began, "mb": peak}


def share(job, index, results):
    results.put(work(job, job["addresses"][index::job["processes"]]))


def main():
    job = json.load(sys.stdin)
    results = multiprocessing.Queue()
    began = time.monotonic()
    workers = [multiprocessing.Process(target=share, args=(job, index, results)) for index in range(job["processes"])]
    for worker in workers:
        worker.start()
    parts = [results.get(timeout=580) for _ in workers]
    for worker in workers:
        worker.join()
    json.dump({"read": sum(part["read"] for part in parts), "errors": sum((part["errors"] for part in parts), []),
               "cpu": sum(part["cpu"] for part in parts), "mb": sum(part["mb"] for part in parts),
               "seconds": time.monotonic() - began}, sys.stdout)


if __name__ == "__main__":
    main()
