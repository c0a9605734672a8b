//! What the store keeps is what was put into it: contents are found by their
//! digest, once, and nothing damaged is ever handed out.
