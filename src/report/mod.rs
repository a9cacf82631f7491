//! Tells what happened: from records and plan, never from the run itself.
