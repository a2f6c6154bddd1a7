//! WMI over WS-Management: enumerations and method calls (MS-WSMV 3.1.4.1.31 and 2.2.6).

use super::config::Fault as Wrong;
use super::envelope::Envelope;
use super::host::Host;
use super::library::Entry;
use super::names::{ENUMERATION, INSTANCE, TRANSFER, WMI, WQL, WSMAN};
use super::registry::Call;
use super::reply::{Fault, guid};
use super::wsman::Done;
use super::xml::escape;
use crate::lab::seen::Note;
use crate::session::{Ask, WmiRow};

/// What an item may take up in a page beside it.
const ENVELOPE: usize = 1500;

impl Host {
    pub(super) async fn enumerate(&self, note: &Note, request: &Envelope) -> Done {
        let body = request.body.child(ENUMERATION, "Enumerate");
        let body = body.ok_or_else(|| Fault::schema("There is no Enumerate."))?;
        let filter = body.child(WSMAN, "Filter");
        let filter = filter.filter(|filter| filter.attribute("Dialect") == Some(WQL));
        let (namespace, class) = place(&request.resource);
        let Some(filter) = filter.filter(|_| class == "*") else {
            note.violation("an enumeration without a WQL query");
            return Err(Fault::no_such_class());
        };
        let query = filter.text.trim();
        let Some(entry) = self.library.query(&namespace, query) else {
            note.violation(&format!(
                "a WMI query that is no question: {query} in {namespace}"
            ));
            return Err(Fault::no_such_class());
        };
        let slow = self.config.value(|fault| match fault {
            Wrong::SlowWmi(class) => Some(class.clone()),
            _ => None,
        });
        if slow.is_some_and(|slow| class_of(query).eq_ignore_ascii_case(&slow)) || entry.exit == 124
        {
            tokio::time::sleep(request.timeout).await;
            return Err(Fault::timed_out());
        }
        let mut items = items(entry, query)?;
        let action = format!("{ENUMERATION}/EnumerateResponse");
        if body.child(WSMAN, "OptimizeEnumeration").is_none() {
            let context = self.keep(items);
            let context = format!("<n:EnumerationContext>{context}</n:EnumerationContext>");
            return Ok((
                action,
                format!("<n:EnumerateResponse>{context}</n:EnumerateResponse>"),
            ));
        }
        // Whatever MaxElements says, Windows puts one item into this answer.
        let rest = items.split_off(items.len().min(1));
        let first = items.concat();
        let (context, end) = if rest.is_empty() {
            (String::new(), "<w:EndOfSequence/>")
        } else {
            (self.keep(rest), "")
        };
        let body = format!(
            "<n:EnumerateResponse><n:EnumerationContext>{context}</n:EnumerationContext>\
             <w:Items>{first}</w:Items>{end}</n:EnumerateResponse>"
        );
        Ok((action, body))
    }

    pub(super) fn pull(&self, request: &Envelope) -> Done {
        let pull = request.body.child(ENUMERATION, "Pull");
        let pull = pull.ok_or_else(|| Fault::schema("There is no Pull."))?;
        let context = pull
            .child_text(ENUMERATION, "EnumerationContext")
            .unwrap_or_default();
        let rest = self.state().enumerations.remove(context);
        let mut rest = rest.ok_or_else(Fault::no_such_context)?;
        let most = pull.child_text(ENUMERATION, "MaxElements");
        let most = most
            .and_then(|most| most.parse::<usize>().ok())
            .unwrap_or(1);
        let room = (request.max_size.min(512_000) / 2).saturating_sub(ENVELOPE);
        let mut size = 0;
        let fits = |item: &&String| {
            size += item.len();
            size <= room
        };
        let count = rest.iter().take(most).take_while(fits).count();
        if count == 0 && !rest.is_empty() {
            return Err(Fault::too_small());
        }
        let left = rest.split_off(count);
        let (context, end) = if left.is_empty() {
            (String::new(), "<n:EndOfSequence/>")
        } else {
            let id = self.keep(left);
            let context = format!("<n:EnumerationContext>{id}</n:EnumerationContext>");
            (context, "")
        };
        let items = rest.concat();
        let body =
            format!("<n:PullResponse>{context}<n:Items>{items}</n:Items>{end}</n:PullResponse>");
        Ok((format!("{ENUMERATION}/PullResponse"), body))
    }

    pub(super) fn release(&self, request: &Envelope) -> Done {
        let release = request.body.child(ENUMERATION, "Release");
        let context = release.and_then(|body| body.child_text(ENUMERATION, "EnumerationContext"));
        let gone = self
            .state()
            .enumerations
            .remove(context.unwrap_or_default());
        gone.ok_or_else(Fault::no_such_context)?;
        Ok((format!("{ENUMERATION}/ReleaseResponse"), String::new()))
    }

    /// A class of which there is one instance.
    pub(super) fn get(&self, note: &Note, request: &Envelope) -> Done {
        note.violation("a Get");
        let (_, class) = place(&request.resource);
        let entry = self.library.entries().iter().find(|entry| match entry.ask {
            Ask::Wmi { query, .. } => class_of(query).eq_ignore_ascii_case(&class),
            _ => false,
        });
        let row = entry.and_then(|entry| entry.rows().into_iter().next());
        let row = row.ok_or_else(Fault::no_such_resource)?;
        let properties = row.properties();
        let inside: String = properties
            .map(|(name, values)| property(&format!("p:{name}"), values))
            .collect();
        let uri = escape(&request.resource);
        let body = format!(
            "<p:{class} xmlns:p=\"{uri}\" xmlns:xsi=\"{INSTANCE}\" xsi:type=\"p:{class}_Type\">{inside}</p:{class}>"
        );
        Ok((format!("{TRANSFER}/GetResponse"), body))
    }

    /// A method of `StdRegProv`; there are no others.
    pub(super) fn invoke(&self, note: &Note, request: &Envelope) -> Done {
        let method = request.action.strip_prefix(request.resource.as_str());
        let method = method.and_then(|method| method.strip_prefix('/'));
        let (namespace, class) = place(&request.resource);
        let registry = class.eq_ignore_ascii_case("StdRegProv")
            && ["root/default", "root/cimv2"].contains(&namespace.as_str());
        let method = method
            .filter(|_| registry)
            .ok_or_else(Fault::no_such_action)?;
        let narrow = request.option("__ProviderArchitecture") == Some("32")
            || request.option("wmi:__ProviderArchitecture") == Some("32");
        let call = Call::read(method, &request.body, narrow);
        let call = call.ok_or_else(|| Fault::schema("These are not the method's parameters."))?;
        let given = self.registry.call(&call, self.has(&Wrong::RegDenied));
        let given = given.ok_or_else(Fault::no_such_action)?;
        if !given.known {
            note.violation(&format!("a registry key that nobody asks for: {call:?}"));
        }
        let uri = escape(&request.resource);
        let body = format!(
            "<p:{method}_OUTPUT xmlns:p=\"{uri}\" xmlns:xsi=\"{INSTANCE}\" \
             xsi:type=\"p:{method}_OUTPUT_Type\">{}</p:{method}_OUTPUT>",
            given.xml
        );
        Ok((format!("{}Response", request.action), body))
    }

    fn keep(&self, items: Vec<String>) -> String {
        let context = format!("uuid:{}", guid());
        self.state().enumerations.insert(context.clone(), items);
        context
    }
}

/// The namespace and the class of a resource.
fn place(resource: &str) -> (String, String) {
    let rest = resource.get(WMI.len()..).unwrap_or_default();
    let (namespace, class) = rest.rsplit_once('/').unwrap_or((rest, ""));
    (namespace.to_ascii_lowercase(), class.to_owned())
}

fn class_of(query: &str) -> &str {
    let (_, rest) = query.split_once(" FROM ").unwrap_or_default();
    rest.split(' ').next().unwrap_or_default()
}

/// The instances of a recorded answer, as a projection shows them: in `w:XmlFragment`, without
/// prefixes, nulls too.
fn items(entry: &Entry, query: &str) -> Result<Vec<String>, Fault> {
    match entry.exit {
        0 => {}
        121 => return Err(Fault::wmi_access_denied()),
        _ => return Err(Fault::no_such_class()),
    }
    let columns = query
        .strip_prefix("SELECT ")
        .and_then(|rest| rest.split_once(" FROM "));
    let columns = columns.map(|(columns, _)| columns).unwrap_or_default();
    let item = |row: &WmiRow| {
        let columns = columns.split(',').map(str::trim);
        let inside: String = columns.map(|name| property(name, row.all(name))).collect();
        format!(
            "<w:XmlFragment xmlns:w=\"{WSMAN}\" xmlns:xsi=\"{INSTANCE}\">{inside}</w:XmlFragment>"
        )
    };
    Ok(entry.rows().iter().map(item).collect())
}

fn property(name: &str, values: &[String]) -> String {
    if values.is_empty() {
        return format!("<{name} xsi:nil=\"true\"/>");
    }
    let value = |value: &String| {
        let text = escape(value);
        if is_moment(value) {
            return format!("<{name}><Datetime>{text}</Datetime></{name}>");
        }
        format!("<{name}>{text}</{name}>")
    };
    values.iter().map(value).collect()
}

/// `2024-06-01T08:00:01Z` or `20240601080001.500000+060`
fn is_moment(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|char| if char.is_ascii_digit() { '0' } else { char })
        .collect();
    let iso = shape.starts_with("0000-00-00T00:00:00");
    iso || shape == "00000000000000.000000+000" || shape == "00000000000000.000000-000"
}
