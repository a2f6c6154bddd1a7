// The tables of the page: search, sort, filter, page. Every text gets in by textContent only.
(() => {
  "use strict";
  const block = document.getElementById("data");
  const $ = (id) => document.getElementById(id);
  const number = (count) => count.toString().replace(/\B(?=(\d{3})+$)/g, ",");

  // A switch of the colours that needs to remember nothing.
  const theme = $("theme");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const nameTheme = () => { theme.textContent = isDark() ? "Light mode" : "Dark mode"; };
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  dark.addEventListener("change", nameTheme);
  nameTheme();
  theme.hidden = false;

  // What is folded is printed unfolded.
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((one) => { one.open = true; });
  });
  window.addEventListener("afterprint", () => { folded.forEach((one) => { one.open = false; }); });

  if (!$("f-table")) return;
  const data = JSON.parse(block.textContent);
  const texts = data.texts;
  const lower = [];
  const low = (at) => {
    if (lower[at] === undefined) lower[at] = texts[at].toLowerCase();
    return lower[at];
  };
  const count = { f: data.f_machine.length, m: data.m_name.length };
  const severityOf = (row) => data.f_marks.charCodeAt(row * 4 + 1) - 48;
  const stateOf = (row) => data.f_marks.charCodeAt(row * 4) - 97;
  const isExploited = (row) => data.f_marks[row * 4 + 2] === "y";
  const lateOf = (row) => data.f_marks[row * 4 + 3];
  const words = (word) => word.replace(/_/g, " ");

  const make = (tag, text, kind) => {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    if (kind) element.className = kind;
    return element;
  };
  const cell = (row, text, kind) => row.appendChild(make("td", text, kind));
  const head = (row, text) => {
    const element = make("th", text);
    element.scope = "row";
    return row.appendChild(element);
  };
  const badge = (code) => {
    const word = data.severities[code];
    return make("span", word || "not rated", "sev " + (word || "unrated"));
  };
  const linked = (subject) => {
    const id = texts[data.s_bulletin[subject]];
    const pattern = data.s_link[subject] && data.links[data.s_link[subject] - 1];
    if (!pattern) return document.createTextNode(id);
    const link = make("a", id);
    link.href = pattern.replace(/\{(\d+)\}/, (whole, from) => id.slice(Number(from)));
    link.rel = "noreferrer noopener";
    link.target = "_blank";
    return link;
  };
  const figure = (value) => (value === -1 ? "unknown" : value === -2 ? "–" : number(value));
  const nameOf = (machine) => texts[data.m_name[machine]] || texts[data.m_ip[machine]];

  function findingRow(at) {
    const row = document.createElement("tr");
    const machine = data.f_machine[at];
    const subject = data.f_subject[at];
    cell(row, data.f_rank[at] ? String(data.f_rank[at]) : "", "n");
    cell(row).appendChild(badge(severityOf(at)));
    head(row, nameOf(machine)).appendChild(make("span", texts[data.m_ip[machine]], "small"));
    cell(row, "", "id").appendChild(linked(subject));
    cell(row, texts[data.s_title[subject]]).appendChild(make("span", texts[data.s_product[subject]], "small"));
    const installed = cell(row, texts[data.f_installed[at]]);
    if (data.s_fixed[subject]) installed.appendChild(make("span", "fixed in " + texts[data.s_fixed[subject]], "small"));
    cell(row, words(data.states[stateOf(at)] || ""));
    cell(row, isExploited(at) ? "exploited" : "");
    const due = cell(row, texts[data.f_due[at]]);
    if (lateOf(at) === "o") due.appendChild(make("span", "overdue", "small late"));
    if (lateOf(at) === "x") due.appendChild(make("span", "excepted", "small"));
    cell(row, texts[data.f_owner[at]]);
    return row;
  }

  const hasFinding = new Uint8Array(count.m);
  for (const machine of data.f_machine) hasFinding[machine] = 1;

  function machineRow(at) {
    const row = document.createElement("tr");
    head(row, nameOf(at));
    for (const column of [data.m_ip, data.m_os, data.m_owner]) cell(row, texts[column[at]]);
    for (const column of [data.m_outcome, data.m_managed]) cell(row, words(texts[column[at]]));
    const worst = cell(row);
    if (hasFinding[at]) worst.appendChild(badge(Number(data.m_worst[at])));
    for (const column of [data.m_missing, data.m_kev, data.m_overdue, data.m_unknown]) cell(row, figure(column[at]), "n");
    cell(row, texts[data.m_eol[at]]);
    return row;
  }

  // By what columns are sorted: a number for each row. What is not there comes last.
  const LAST = 1e15;
  function places(used) {
    const all = [...new Set(used)];
    const collator = all.length < 20000 ? new Intl.Collator("en", { numeric: true, sensitivity: "base" }) : null;
    const compare = collator
      ? (a, b) => collator.compare(texts[a], texts[b]) || a - b
      : (a, b) => (low(a) < low(b) ? -1 : low(a) > low(b) ? 1 : a - b);
    all.sort(compare);
    const found = new Map();
    all.forEach((text, at) => found.set(text, texts[text] ? at : LAST));
    return found;
  }
  const byText = (column, of) => {
    const found = places(column);
    return of ? (row) => found.get(column[of[row]]) : (row) => found.get(column[row]);
  };
  const addressKey = (text) => {
    const four = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
    return four ? four.slice(1).reduce((all, part) => all * 256 + Number(part), 0) : null;
  };
  const namesOfMachines = () => {
    const all = data.m_name.map((name, at) => name || data.m_ip[at]);
    return all;
  };
  const findingKeys = {
    rank: () => (row) => data.f_rank[row] || LAST,
    severity: () => severityOf,
    machine: () => byText(namesOfMachines(), data.f_machine),
    bulletin: () => byText(data.s_bulletin, data.f_subject),
    title: () => byText(data.s_title, data.f_subject),
    installed: () => byText(data.f_installed),
    state: () => stateOf,
    kev: () => (row) => (isExploited(row) ? 0 : 1),
    due: () => byText(data.f_due),
    owner: () => byText(data.f_owner),
  };
  const counted = (column) => () => (row) => (column[row] < 0 ? LAST : column[row]);
  const machineKeys = {
    name: () => byText(namesOfMachines()),
    ip: () => {
      const other = places(data.m_ip);
      return (row) => {
        const key = addressKey(texts[data.m_ip[row]]);
        return key === null ? 1e12 + other.get(data.m_ip[row]) : key;
      };
    },
    os: () => byText(data.m_os),
    owner: () => byText(data.m_owner),
    outcome: () => byText(data.m_outcome),
    managed: () => byText(data.m_managed),
    worst: () => (row) => (hasFinding[row] ? Number(data.m_worst[row]) : LAST),
    missing: counted(data.m_missing),
    kev: counted(data.m_kev),
    overdue: counted(data.m_overdue),
    unknown: counted(data.m_unknown),
    eol: () => byText(data.m_eol),
  };

  // A table that shows a page of those rows that pass, in an order.
  function grid(prefix, rows, keys, build) {
    const table = $(prefix + "-table");
    const body = table.tBodies[0];
    const pager = table.closest("section").querySelector(".pager");
    const base = Uint32Array.from({ length: rows }, (_, at) => at);
    const kept = {};
    let order = base;
    let shown = base;
    let passes = null;
    let page = 0;
    let size = 50;

    const button = (text, go) => {
      const one = make("button", text);
      one.type = "button";
      one.addEventListener("click", () => { page = go(); draw(); });
      return pager.appendChild(one);
    };
    const last = () => Math.max(0, Math.ceil(shown.length / size) - 1);
    const buttons = {
      first: button("First", () => 0),
      previous: button("Previous", () => Math.max(0, page - 1)),
      next: button("Next", () => Math.min(last(), page + 1)),
      last: button("Last", last),
    };
    const where = pager.appendChild(make("span"));
    where.setAttribute("role", "status");
    const label = pager.appendChild(make("label", "Rows a page "));
    const sizes = label.appendChild(make("select"));
    for (const option of [50, 100, 250, 500]) sizes.appendChild(new Option(String(option), String(option)));
    sizes.addEventListener("change", () => { size = Number(sizes.value); page = 0; draw(); });
    pager.setAttribute("role", "group");
    pager.setAttribute("aria-label", "Pages of the table");
    pager.hidden = false;

    function fill(from, to) {
      const fragment = document.createDocumentFragment();
      for (let at = from; at < to; at += 1) fragment.appendChild(build(shown[at]));
      body.replaceChildren(fragment);
    }
    function draw() {
      const from = page * size;
      const to = Math.min(shown.length, from + size);
      fill(from, to);
      where.textContent = shown.length
        ? number(from + 1) + " to " + number(to) + " of " + number(shown.length)
        : "no rows";
      buttons.first.disabled = buttons.previous.disabled = page === 0;
      buttons.next.disabled = buttons.last.disabled = page >= last();
    }
    function apply() {
      shown = passes ? order.filter(passes) : order;
      page = 0;
      draw();
    }
    function sort(key, isUp) {
      if (!kept[key]) {
        const of = keys[key]();
        kept[key] = Float64Array.from(base, of);
      }
      const by = kept[key];
      order = Uint32Array.from(base);
      order.sort((a, b) => {
        const one = by[a];
        const other = by[b];
        // What is not there is last either way.
        if (one === other || one === LAST || other === LAST) return one - other || a - b;
        return isUp ? one - other : other - one;
      });
      apply();
    }
    for (const column of table.tHead.rows[0].cells) {
      const name = column.textContent;
      const sorter = make("button", name);
      sorter.type = "button";
      column.replaceChildren(sorter);
      // A button is not painted again at the top of every sheet; its word is.
      window.addEventListener("beforeprint", () => { column.textContent = name; });
      window.addEventListener("afterprint", () => { column.replaceChildren(sorter); });
      sorter.addEventListener("click", () => {
        const isUp = column.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        column.setAttribute("aria-sort", isUp ? "ascending" : "descending");
        sort(column.dataset.key, isUp);
      });
    }
    window.addEventListener("beforeprint", () => fill(0, Math.min(shown.length, 500)));
    window.addEventListener("afterprint", draw);
    return {
      filter(test) { passes = test; apply(); },
      get shown() { return shown; },
    };
  }

  const later = (what) => {
    let timer = 0;
    return () => { clearTimeout(timer); timer = setTimeout(what, 100); };
  };
  const options = (id, used, shownAs) => {
    const select = $(id);
    const all = [...new Set(used)].filter((at) => texts[at]);
    all.sort((a, b) => (low(a) < low(b) ? -1 : 1));
    for (const at of all) select.appendChild(new Option(shownAs ? shownAs(texts[at]) : texts[at], String(at)));
    select.disabled = all.length === 0;
  };
  const severities = (id) => {
    data.severities.forEach((word, code) => $(id).appendChild(new Option(word || "not rated", String(code))));
  };
  const tags = new Set();
  for (const list of data.m_tags) for (const tag of list) tags.add(tag);
  const chosen = (id) => ($(id).value === "" ? null : Number($(id).value));

  // Which of so many things have every word in one of their texts: a row of marks for each word.
  const tokens = (id) => $(id).value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = (size, columns, lists, token) => {
    const marks = new Uint8Array(size);
    for (let at = 0; at < size; at += 1) {
      marks[at] = columns.some((column) => low(column[at]).includes(token))
        || lists.some((list) => list[at].some((text) => low(text).includes(token))) ? 1 : 0;
    }
    return marks;
  };
  const subjectColumns = [data.s_bulletin, data.s_title, data.s_product, data.s_fixed];
  const machineColumns = [data.m_name, data.m_ip, data.m_os];

  // Findings.
  const findings = grid("f", count.f, findingKeys, findingRow);
  severities("f-severity");
  data.states.forEach((word, code) => {
    if (data.f_marks.length) $("f-state").appendChild(new Option(words(word), String(code)));
  });
  options("f-owner", data.f_owner);
  options("f-tag", tags);
  const asked = () => $("f-bulletin").value.toUpperCase().split(/[\s,;]+/).filter(Boolean);
  function ofBulletins(ids) {
    const wanted = new Set(ids);
    const marks = new Uint8Array(data.s_bulletin.length);
    for (let at = 0; at < marks.length; at += 1) {
      const names = [data.s_bulletin[at], ...data.s_cves[at]];
      // What an update would install counts by its name as well.
      const installs = /^install (\S+)/.exec(texts[data.s_fix[at]]);
      marks[at] = names.some((text) => wanted.has(texts[text].toUpperCase()))
        || (installs && wanted.has(installs[1].toUpperCase())) ? 1 : 0;
    }
    return marks;
  }
  function filterFindings() {
    const tests = [];
    const subjectOf = data.f_subject;
    const machineOf = data.f_machine;
    for (const token of tokens("f-search")) {
      const subjects = found(data.s_bulletin.length, subjectColumns, [data.s_cves], token);
      const machines = found(count.m, machineColumns, [], token);
      tests.push((row) => subjects[subjectOf[row]] || machines[machineOf[row]] || low(data.f_installed[row]).includes(token));
    }
    const ids = asked();
    if (ids.length) {
      const subjects = ofBulletins(ids);
      tests.push((row) => subjects[subjectOf[row]]);
    }
    const severity = chosen("f-severity");
    if (severity !== null) tests.push((row) => severityOf(row) === severity);
    const state = chosen("f-state");
    if (state !== null) tests.push((row) => stateOf(row) === state);
    const owner = chosen("f-owner");
    if (owner !== null) tests.push((row) => data.f_owner[row] === owner);
    const tag = chosen("f-tag");
    if (tag !== null) {
      const tagged = data.m_tags.map((list) => list.includes(tag));
      tests.push((row) => tagged[machineOf[row]]);
    }
    if ($("f-kev").checked) tests.push(isExploited);
    if ($("f-overdue").checked) tests.push((row) => lateOf(row) === "o");
    findings.filter(tests.length ? (row) => tests.every((test) => test(row)) : null);
    answer(ids);
  }
  function answer(ids) {
    const shown = findings.shown;
    const met = new Set();
    for (const row of shown) met.add(data.f_machine[row]);
    const least = count.f < data.findings ? "at least " : "";
    const parts = [number(shown.length) + (shown.length === 1 ? " finding" : " findings")];
    parts.push(least + number(met.size) + " of " + number(data.machines) + " machines");
    if (ids.length || data.not_assessed) parts.push(number(data.not_assessed) + " not assessed");
    if (ids.length && data.unjudged) parts.push(number(data.unjudged) + " not judged in full");
    $("f-answer").textContent = parts.join(", ");
  }

  // Machines.
  const machines = grid("m", count.m, machineKeys, machineRow);
  severities("m-severity");
  options("m-outcome", data.m_outcome, words);
  options("m-managed", data.m_managed, words);
  options("m-owner", data.m_owner);
  options("m-tag", tags);
  function filterMachines() {
    const tests = [];
    for (const token of tokens("m-search")) {
      const marks = found(count.m, machineColumns, [data.m_tags], token);
      tests.push((row) => marks[row]);
    }
    for (const [id, column] of [["m-outcome", data.m_outcome], ["m-managed", data.m_managed], ["m-owner", data.m_owner]]) {
      const value = chosen(id);
      if (value !== null) tests.push((row) => column[row] === value);
    }
    const severity = chosen("m-severity");
    if (severity !== null) tests.push((row) => hasFinding[row] && Number(data.m_worst[row]) === severity);
    const tag = chosen("m-tag");
    if (tag !== null) tests.push((row) => data.m_tags[row].includes(tag));
    if ($("m-kev").checked) tests.push((row) => data.m_kev[row] > 0);
    if ($("m-overdue").checked) tests.push((row) => data.m_overdue[row] > 0);
    machines.filter(tests.length ? (row) => tests.every((test) => test(row)) : null);
    $("m-answer").textContent = number(machines.shown.length) + " of " + number(count.m) + " machines";
  }

  function wire(prefix, filter) {
    const controls = $(prefix + "-controls");
    const typed = later(filter);
    controls.addEventListener("input", (event) => {
      if (event.target.matches("input[type=search], input[type=text]")) typed();
      else filter();
    });
    $(prefix + "-clear").addEventListener("click", () => {
      for (const input of controls.querySelectorAll("input, select")) {
        if (input.type === "checkbox") input.checked = false;
        else input.value = "";
      }
      filter();
    });
    controls.hidden = false;
    filter();
  }
  wire("f", filterFindings);
  wire("m", filterMachines);
  document.documentElement.dataset.ready = "yes";
})();
