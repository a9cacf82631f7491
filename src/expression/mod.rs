//! What stands inside `${{ }}`: parsing with byte ranges, names, types, evaluation.
