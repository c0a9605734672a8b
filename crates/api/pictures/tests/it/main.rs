//! Pictures of small models, as they are; of hostile ones, harmless; of large
//! ones, readable and soon.

mod drawn;
mod hostile;
mod large;
mod models;
