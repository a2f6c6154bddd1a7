//! What a WinRM service answers: responses and faults (DSP0226 section 14, MS-WSMV 2.2.4.43).

use super::envelope::Envelope;
use super::names::{
    ADDRESSING, ANONYMOUS, CIM, ENUMERATION, IDENTITY, INSTANCE, MICROSOFT, MICROSOFT_FAULT, SHELL,
    SOAP, TRANSFER, WSMAN, WSMAN_FAULT,
};
use super::xml::escape;

/// A fault. HTTP says 500 to each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    subcode: &'static str,
    code: u32,
    text: String,
    detail: Detail,
}

/// Who tells what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    Service,
    /// A provider behind the service: WMI.
    Provider,
    /// The quota of MS-WSMV 3.1.4.1.27, as an `MSFT_WmiError`.
    Quota,
}

impl Fault {
    fn new(subcode: &'static str, code: u32, text: &str) -> Self {
        Self {
            subcode,
            code,
            text: text.to_owned(),
            detail: Detail::Service,
        }
    }

    fn by(self, detail: Detail) -> Self {
        Self { detail, ..self }
    }

    pub(super) fn access_denied() -> Self {
        Self::new("w:AccessDenied", 5, "Access is denied.")
    }

    pub(super) fn wmi_access_denied() -> Self {
        Self::access_denied().by(Detail::Provider)
    }

    pub(super) fn timed_out() -> Self {
        Self::new(
            "w:TimedOut",
            2_150_858_793,
            "The operation took longer than OperationTimeout allows.",
        )
    }

    pub(super) fn too_many_shells() -> Self {
        let text = "This user has as many shells as are allowed.";
        Self::new("w:QuotaLimit", 2_150_859_173, text).by(Detail::Quota)
    }

    pub(super) fn no_such_shell() -> Self {
        Self::new(
            "w:InvalidSelectors",
            2_150_858_843,
            "There is no such shell or command.",
        )
    }

    pub(super) fn aborted() -> Self {
        Self::new("w:InternalError", 995, "The operation was aborted.")
    }

    pub(super) fn no_such_class() -> Self {
        let text = "The provider could not process the filter: invalid class.";
        Self::new("n:CannotProcessFilter", 2_150_858_778, text).by(Detail::Provider)
    }

    pub(super) fn no_such_context() -> Self {
        let text = "The enumeration context is not valid.";
        Self::new("n:InvalidEnumerationContext", 2_150_858_890, text)
    }

    pub(super) fn too_small() -> Self {
        Self::new(
            "w:EncodingLimit",
            2_150_858_820,
            "An item is larger than MaxEnvelopeSize.",
        )
    }

    pub(super) fn no_such_resource() -> Self {
        let text = "There is no resource of this URI.";
        Self::new("a:DestinationUnreachable", 2_150_858_752, text)
    }

    pub(super) fn no_such_action() -> Self {
        Self::new(
            "a:ActionNotSupported",
            2_150_858_757,
            "The resource has no such action.",
        )
    }

    pub(super) fn bad_header(what: &str) -> Self {
        Self::new("a:InvalidMessageInformationHeader", 2_150_858_767, what)
    }

    pub(super) fn schema(what: &str) -> Self {
        Self::new("w:SchemaValidationError", 2_150_858_817, what)
    }

    /// The envelope of it.
    pub(super) fn envelope(&self, related: Option<&str>, machine: &str) -> Vec<u8> {
        let Self {
            subcode,
            code,
            text,
            ..
        } = self;
        let text = escape(text);
        let action = if subcode.starts_with("n:") {
            "http://schemas.xmlsoap.org/ws/2004/09/enumeration/fault"
        } else {
            WSMAN_FAULT
        };
        let sender = match self.subcode {
            "w:TimedOut" | "w:InternalError" => "s:Receiver",
            _ => "s:Sender",
        };
        let body = format!(
            "<s:Fault><s:Code><s:Value>{sender}</s:Value><s:Subcode><s:Value>{subcode}</s:Value>\
             </s:Subcode></s:Code><s:Reason><s:Text xml:lang=\"en-US\">{text}</s:Text></s:Reason>\
             <s:Detail>{}</s:Detail></s:Fault>",
            self.detail(&text, *code, &escape(machine))
        );
        envelope(action, related, &body)
    }

    fn detail(&self, text: &str, code: u32, machine: &str) -> String {
        let service = |message: &str| {
            format!(
                "<f:WSManFault xmlns:f=\"{MICROSOFT_FAULT}\" Code=\"{code}\" Machine=\"{machine}\">\
                 <f:Message>{message}</f:Message></f:WSManFault>"
            )
        };
        match self.detail {
            Detail::Service => service(text),
            Detail::Provider => service(&format!(
                "<f:ProviderFault provider=\"WMI Provider\" path=\"%systemroot%\\system32\\WsmWmiPl.dll\">{}\
                 </f:ProviderFault>",
                service(text)
            )),
            Detail::Quota => format!(
                "<p:MSFT_WmiError b:IsCIM_Error=\"true\" \
                 xmlns:b=\"http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd\" \
                 xmlns:p=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError\" \
                 xmlns:cim=\"{CIM}\" xmlns:xsi=\"{INSTANCE}\" xsi:type=\"p:MSFT_WmiError_Type\">\
                 <p:CIMStatusCode xsi:type=\"cim:cimUnsignedInt\">27</p:CIMStatusCode>\
                 <p:Message xsi:type=\"cim:cimString\">{text}</p:Message>\
                 <p:MessageID xsi:type=\"cim:cimString\">HRESULT 0x{code:08x}</p:MessageID>\
                 <p:error_Code xsi:type=\"cim:cimUnsignedInt\">{code}</p:error_Code>\
                 <p:error_Type xsi:type=\"cim:cimString\">HRESULT</p:error_Type>\
                 </p:MSFT_WmiError>"
            ),
        }
    }
}

/// The answer to a request that went well.
pub(super) fn response(request: &Envelope, action: &str, body: &str) -> Vec<u8> {
    envelope(action, Some(&request.message), body)
}

/// The answer to `wsmid:Identify`; the version only to who is logged on.
pub(super) fn identity(version: Option<&str>) -> Vec<u8> {
    let version = version.unwrap_or("0.0.0");
    format!(
        "<s:Envelope xml:lang=\"en-US\" xmlns:s=\"{SOAP}\"><s:Header/><s:Body>\
         <i:IdentifyResponse xmlns:i=\"{IDENTITY}\"><i:ProtocolVersion>{WSMAN}</i:ProtocolVersion>\
         <i:ProductVendor>Microsoft Corporation</i:ProductVendor>\
         <i:ProductVersion>OS: {version} SP: 0.0 Stack: 3.0</i:ProductVersion>\
         </i:IdentifyResponse></s:Body></s:Envelope>"
    )
    .into_bytes()
}

fn envelope(action: &str, related: Option<&str>, body: &str) -> Vec<u8> {
    let related = related.map(|id| format!("<a:RelatesTo>{}</a:RelatesTo>", escape(id)));
    let related = related.unwrap_or_default();
    let id = guid();
    format!(
        "<s:Envelope xml:lang=\"en-US\" xmlns:s=\"{SOAP}\" xmlns:a=\"{ADDRESSING}\" \
         xmlns:x=\"{TRANSFER}\" xmlns:n=\"{ENUMERATION}\" xmlns:w=\"{WSMAN}\" xmlns:rsp=\"{SHELL}\" \
         xmlns:p=\"{MICROSOFT}\"><s:Header><a:Action>{action}</a:Action>\
         <a:MessageID>uuid:{id}</a:MessageID><a:To>{ANONYMOUS}</a:To>{related}</s:Header>\
         <s:Body>{body}</s:Body></s:Envelope>"
    )
    .into_bytes()
}

/// A made-up GUID, as Windows writes them.
pub(super) fn guid() -> String {
    let groups = [rand::random::<u16>(), rand::random(), rand::random()];
    let groups = groups.map(|group| format!("{group:04X}")).join("-");
    let first: u32 = rand::random();
    let last = rand::random::<u64>() >> 16;
    format!("{first:08X}-{groups}-{last:012X}")
}

#[cfg(test)]
mod tests {
    use super::super::xml::Element;
    use super::*;

    #[test]
    fn every_fault_is_an_envelope_that_reads() {
        let faults = [
            Fault::access_denied(),
            Fault::wmi_access_denied(),
            Fault::too_many_shells(),
            Fault::schema("<&>"),
        ];
        for fault in faults {
            let bytes = fault.envelope(Some("uuid:<"), "127.0.0.1");
            let root = Element::parse(&bytes).unwrap();
            let body = root.child(SOAP, "Body").unwrap();
            assert!(body.child(SOAP, "Fault").is_some());
        }
        assert!(Element::parse(&identity(None)).is_some());
    }
}
