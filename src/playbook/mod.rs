//! The language: the model, its schema, and what a schema can not say.
