//! The five lists as files, in the shapes and encodings in which the tools write them.

use super::cast::{DOMAIN, FOREIGN, List, Listed, Machine, Membership, netbios};
use super::looks::digest;
use super::studio::Studio;
use super::truth::RowAt;
use std::fmt::Write as _;

/// A list as a file, and whose each row is.
pub(super) struct Paper {
    pub(super) bytes: Vec<u8>,
    /// For each row the number of its machine.
    pub(super) owners: Vec<(RowAt, usize)>,
}

/// Writes a list: its rows in an order that the dice draw.
pub(super) fn write(studio: &mut Studio, list: List) -> Paper {
    let mut rows: Vec<(usize, Listed)> = Vec::new();
    for (at, machine) in studio.machines.iter().enumerate() {
        rows.extend(
            machine
                .listed
                .iter()
                .filter(|row| row.list == list)
                .map(|row| (at, row.clone())),
        );
    }
    studio.dice.shuffle(&mut rows);
    let format = format(list);
    let mut lines: Vec<String> = format
        .before
        .iter()
        .map(|line| (*line).to_owned())
        .collect();
    lines.push(line(
        &format,
        format.columns.iter().map(|column| (*column).to_owned()),
    ));
    let mut owners = Vec::new();
    for (at, row) in rows {
        let cells = (format.cells)(studio, &studio.machines[at], &row);
        lines.push(line(&format, cells.into_iter()));
        let number = u64::try_from(lines.len()).unwrap();
        owners.push((
            RowAt {
                list: list.name(),
                line: number,
            },
            at,
        ));
    }
    let text = lines.join("\r\n") + "\r\n";
    Paper {
        bytes: (format.encode)(&text),
        owners,
    }
}

struct Format {
    /// Lines before the header.
    before: &'static [&'static str],
    columns: &'static [&'static str],
    delimiter: char,
    /// Whether every cell is in quotes.
    quotes: bool,
    cells: fn(&Studio, &Machine, &Listed) -> Vec<String>,
    encode: fn(&str) -> Vec<u8>,
}

fn line(format: &Format, cells: impl Iterator<Item = String>) -> String {
    let cells = cells.map(|cell| {
        let needs = cell.contains([format.delimiter, '"']);
        match format.quotes || needs {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell,
        }
    });
    cells
        .collect::<Vec<_>>()
        .join(&format.delimiter.to_string())
}

fn format(list: List) -> Format {
    match list {
        // Get-ADComputer | Select-Object | Export-Csv -NoTypeInformation -Encoding UTF8
        List::Directory => Format {
            before: &[],
            columns: &[
                "Name",
                "DNSHostName",
                "DistinguishedName",
                "Enabled",
                "IPv4Address",
                "LastLogonDate",
                "PasswordLastSet",
                "whenCreated",
                "OperatingSystem",
                "OperatingSystemVersion",
                "Description",
                "ObjectGUID",
                "SamAccountName",
                "SID",
            ],
            delimiter: ',',
            quotes: true,
            cells: directory,
            encode: |text| [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        },
        // Get-WsusComputer -All | Export-Csv -Delimiter "`t" -Encoding Unicode
        List::Wsus => Format {
            before: &["#TYPE Microsoft.UpdateServices.Internal.BaseApi.ComputerTarget"],
            columns: &[
                "Id",
                "FullDomainName",
                "IPAddress",
                "Make",
                "Model",
                "OSArchitecture",
                "OSDescription",
                "ComputerRole",
                "LastSyncTime",
                "LastSyncResult",
                "LastReportedStatusTime",
                "LastReportedInventoryTime",
                "RequestedTargetGroupName",
                "ClientVersion",
            ],
            delimiter: '\t',
            quotes: true,
            cells: wsus,
            encode: utf16,
        },
        // A query over v_R_System, v_GS_PC_BIOS and v_CH_ClientSummary, saved from SQL Server Management Studio
        List::ConfigMgr => Format {
            before: &[],
            columns: &[
                "ResourceID",
                "Netbios_Name0",
                "Resource_Domain_OR_Workgr0",
                "Full_Domain_Name0",
                "Operating_System_Name_and0",
                "SMBIOS_GUID0",
                "SerialNumber0",
                "Manufacturer0",
                "Model0",
                "MAC_Addresses0",
                "IP_Addresses0",
                "Client0",
                "Obsolete0",
                "LastActiveTime",
                "LastHW",
                "Creation_Date0",
            ],
            delimiter: ',',
            quotes: false,
            cells: config_mgr,
            encode: |text| text.as_bytes().to_vec(),
        },
        // Get-DhcpServerv4Scope | Get-DhcpServerv4Lease | Export-Csv -Delimiter ';' -Encoding Default -NoTypeInformation
        List::Leases => Format {
            before: &[],
            columns: &[
                "IPAddress",
                "ScopeId",
                "AddressState",
                "ClientId",
                "ClientType",
                "Description",
                "DnsRegistration",
                "DnsRR",
                "HostName",
                "LeaseExpiryTime",
                "NapCapable",
                "NapStatus",
                "PolicyName",
                "ProbationEnds",
                "ServerIP",
            ],
            delimiter: ';',
            quotes: true,
            cells: lease,
            encode: windows_1252,
        },
        // ServiceNow, Configuration > Computers, Export > CSV, in plain labels
        List::Assets => Format {
            before: &[],
            columns: &[
                "Name",
                "Asset tag",
                "Serial number",
                "Manufacturer",
                "Model ID",
                "Operating System",
                "IP Address",
                "MAC Address",
                "Owned by",
                "Status",
                "Location",
                "Most recent discovery",
                "Purchased",
                "Updated",
            ],
            delimiter: ',',
            quotes: false,
            cells: asset,
            encode: |text| text.as_bytes().to_vec(),
        },
    }
}

/// A second of the day that a row always has.
fn second(row: &Listed, what: &str) -> i64 {
    let digest = digest(&format!("{what} {} {:?}", row.name, row.seen));
    i64::from_str_radix(&digest[..6], 16).unwrap() % 86_400
}

fn guid(row: &Listed, what: &str) -> String {
    let digest = digest(&format!("{what} {} {}", row.name, row.created));
    format!(
        "{}-{}-{}-{}-{}",
        &digest[..8],
        &digest[8..12],
        &digest[12..16],
        &digest[16..20],
        &digest[20..32]
    )
}

fn address(row: &Listed) -> String {
    row.address
        .map(|address| address.to_string())
        .unwrap_or_default()
}

fn macs(row: &Listed, write: impl Fn(&str) -> String) -> Vec<String> {
    row.macs
        .iter()
        .filter(|mac| !mac.is_empty())
        .map(|mac| write(mac))
        .collect()
}

fn suffix(machine: &Machine) -> &'static str {
    match machine.membership {
        Membership::Domain => DOMAIN,
        Membership::Foreign => FOREIGN,
        Membership::Workgroup => "",
    }
}

fn directory(studio: &Studio, _: &Machine, row: &Listed) -> Vec<String> {
    let calendar = &studio.calendar;
    let name = row.name.to_uppercase();
    let unit = if row.system.is_server {
        "Servers"
    } else {
        "Clients"
    };
    let (low, high) = (digest(&row.name), second(row, "rid"));
    let parts: Vec<u64> = (0..3)
        .map(|at| u64::from_str_radix(&digest("domain")[at * 8..at * 8 + 8], 16).unwrap())
        .collect();
    let sid = format!(
        "S-1-5-21-{}-{}-{}-{}",
        parts[0],
        parts[1],
        parts[2],
        1_100 + high
    );
    let description = if u8::from_str_radix(&low[..2], 16).unwrap() % 9 == 0 {
        "Büro 3.12, Gebäude \"Süd\""
    } else {
        ""
    };
    vec![
        name.clone(),
        format!("{}.{DOMAIN}", row.name.to_lowercase()),
        format!("CN={name},OU={unit},OU=Machines,DC=corp,DC=example"),
        if row.is_on() { "True" } else { "False" }.to_owned(),
        address(row),
        row.seen
            .map(|days| calendar.american(days, second(row, "logon")))
            .unwrap_or_default(),
        calendar.american(row.password, second(row, "password")),
        calendar.american(row.created, second(row, "created")),
        row.system.name.to_owned(),
        row.system.version.to_owned(),
        description.to_owned(),
        guid(row, "object"),
        format!("{}$", netbios(&row.name)),
        sid,
    ]
}

fn wsus(studio: &Studio, _: &Machine, row: &Listed) -> Vec<String> {
    let never = "01.01.1753 00:00:00".to_owned();
    let days = |what| {
        row.seen.map_or(never.clone(), |days| {
            studio.calendar.german(days, second(row, what))
        })
    };
    vec![
        guid(row, "client"),
        format!("{}.{DOMAIN}", row.name.to_lowercase()),
        address(row),
        row.hardware.maker.clone(),
        row.hardware.model.clone(),
        "AMD64".to_owned(),
        row.system.name.to_owned(),
        if row.system.is_server {
            "Server"
        } else {
            "Workstation"
        }
        .to_owned(),
        days("sync"),
        if row.seen.is_some() {
            "Succeeded"
        } else {
            "NeverSynced"
        }
        .to_owned(),
        days("status"),
        days("inventory"),
        String::new(),
        format!("10.0.{}", row.system.build.0),
    ]
}

fn config_mgr(studio: &Studio, machine: &Machine, row: &Listed) -> Vec<String> {
    let calendar = &studio.calendar;
    let number =
        i64::from_str_radix(&digest(&format!("{} {}", row.name, row.created))[..5], 16).unwrap();
    let stated = row.system.stated;
    let kind = if row.system.is_server {
        "Server"
    } else {
        "Workstation"
    };
    let active = row
        .seen
        .map(|days| calendar.of_sql(days, second(row, "active")))
        .unwrap_or_default();
    let inventory = row
        .seen
        .map(|days| calendar.of_sql(days + 2, second(row, "hardware")))
        .unwrap_or_default();
    vec![
        format!("{}", 16_777_216 + number),
        netbios(&row.name),
        "CORP".to_owned(),
        suffix(machine).to_owned(),
        format!("Microsoft Windows NT {kind} {}.{}", stated.0, stated.1),
        row.hardware.uuid.to_uppercase(),
        row.hardware.serial.clone(),
        row.hardware.maker.clone(),
        row.hardware.model.clone(),
        macs(row, str::to_uppercase).join(", "),
        address(row),
        "1".to_owned(),
        if row.is_on() { "0" } else { "1" }.to_owned(),
        active,
        inventory,
        calendar.of_sql(row.created, second(row, "created")),
    ]
}

fn lease(studio: &Studio, machine: &Machine, row: &Listed) -> Vec<String> {
    let scope = row.address.map(|address| {
        let [a, b, c, _] = address.octets();
        format!("{a}.{b}.{c}.0")
    });
    let host = match machine.membership {
        Membership::Domain if machine.system.family == underdesk::model::Family::Windows => {
            format!("{}.{DOMAIN}", row.name)
        }
        _ => row.name.clone(),
    };
    // A lease runs for eight days, so it ends after the day of the export.
    let expires = row.seen.unwrap_or_default() - 8;
    vec![
        address(row),
        scope.unwrap_or_default(),
        "Active".to_owned(),
        macs(row, |mac| mac.replace(':', "-"))
            .first()
            .cloned()
            .unwrap_or_default(),
        "Dhcp".to_owned(),
        if second(row, "note") % 11 == 0 {
            "Gerät im Großraumbüro"
        } else {
            ""
        }
        .to_owned(),
        "Complete".to_owned(),
        "AandPTR".to_owned(),
        host,
        studio.calendar.german(expires, second(row, "expires")),
        "False".to_owned(),
        "FullAccess".to_owned(),
        String::new(),
        String::new(),
        "10.20.10.2".to_owned(),
    ]
}

fn asset(studio: &Studio, machine: &Machine, row: &Listed) -> Vec<String> {
    let calendar = &studio.calendar;
    let tag = i64::from_str_radix(
        &digest(&format!("tag {} {}", machine.name, row.created))[..6],
        16,
    )
    .unwrap();
    let discovered = row
        .seen
        .map(|days| calendar.of_sql(days, second(row, "discovered")));
    let mut updated = calendar.of_sql(row.created / 2 + 40, second(row, "updated"));
    updated.truncate(19);
    vec![
        row.name.clone(),
        format!("P{tag:08}"),
        row.hardware.serial.clone(),
        row.hardware.maker.clone(),
        row.hardware.model.clone(),
        row.system.name.to_owned(),
        address(row),
        macs(row, str::to_owned)
            .first()
            .cloned()
            .unwrap_or_default(),
        row.owner.clone(),
        row.status.to_owned(),
        ["Hauptstraße 1, 2. OG", "Zürich", "Malmö, Hus 3", ""][usize::try_from(tag % 4).unwrap()]
            .to_owned(),
        discovered
            .map(|text| text[..19].to_owned())
            .unwrap_or_default(),
        calendar.date(row.created),
        updated,
    ]
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn windows_1252(text: &str) -> Vec<u8> {
    let (bytes, _, lost) = encoding_rs::WINDOWS_1252.encode(text);
    assert!(!lost, "a letter that Windows-1252 has not got");
    bytes.into_owned()
}

/// The operator's policy: thresholds as they are by default, and the allow list.
pub(super) fn policy(studio: &Studio) -> String {
    let calendar = &studio.calendar;
    let mut text = String::from(
        "[classes]\nassessed_days = 30\npatched_days = 60\nunseen_runs = 3\nstale_days = 90\nlist_days = 7\n",
    );
    let mut expect = |what: &str, owner: &str, days: i64, reason: &str| {
        let until = calendar.date(-days);
        write!(text, "\n[[expected]]\n{what}\nowner = \"{owner}\"\nuntil = \"{until}\"\nreason = \"{reason}\"\n").unwrap();
    };
    expect(
        "address = \"10.20.40.0/24\"\ndevice = \"printer\"",
        "Facilities",
        200,
        "leased printers",
    );
    expect(
        "address = \"10.20.50.0/24\"\ndevice = \"phone\"",
        "Team Voice",
        300,
        "desk telephones",
    );
    let cameras = super::devices::CAMERAS;
    expect(
        &format!("mac = \"{cameras}\""),
        "Security",
        90,
        "cameras at the doors",
    );
    for machine in studio
        .machines
        .iter()
        .filter(|machine| machine.kind == "printer_expired")
    {
        let address = machine.address().unwrap();
        expect(
            &format!("address = \"{address}/32\""),
            "Facilities",
            -20,
            "until the lease ends",
        );
    }
    text
}
