//! What a step leaves behind is really gone.
