//! The names of WS-Management: namespaces, resources and actions (DSP0226, MS-WSMV section 2.2).

pub(super) const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
pub(super) const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
pub(super) const ANONYMOUS: &str =
    "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
pub(super) const WSMAN: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd";
pub(super) const WSMAN_MS: &str = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd";
pub(super) const ENUMERATION: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";
pub(super) const TRANSFER: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
pub(super) const SHELL: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
pub(super) const FAULT: &str = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault";
pub(super) const WMI_ERROR: &str =
    "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError";
pub(super) const IDENTITY: &str = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd";
pub(super) const CIM: &str = "http://schemas.dmtf.org/wbem/wscim/1/common";
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

pub(super) const ENUMERATE: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate";
pub(super) const PULL: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Pull";
pub(super) const RELEASE: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Release";
pub(super) const GET: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get";
pub(super) const CREATE: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create";
pub(super) const DELETE: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete";
pub(super) const COMMAND: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Command";
pub(super) const RECEIVE: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Receive";
pub(super) const SIGNAL: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Signal";

/// The resource of a command shell.
pub(super) const CMD: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd";
/// The signal that ends a command.
pub(super) const TERMINATE: &str =
    "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/terminate";
/// How the state of a command that has ended is spelt.
pub(super) const DONE: &str =
    "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done";
/// What the resources of WMI begin with; a namespace and a class follow.
pub(super) const WMI: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";
/// The dialect of a filter in WQL.
pub(super) const WQL: &str = "http://schemas.microsoft.com/wbem/wsman/1/WQL";
/// The registry as WMI shows it.
pub(super) const REGISTRY: &str =
    "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/default/StdRegProv";
