//! Documents in Microsoft's format, in both forms.
