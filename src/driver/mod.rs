//! Does what the engine needs: all waiting, sending and writing is here.
