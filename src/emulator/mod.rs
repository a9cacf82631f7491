//! Plays the service: the live response API with devices that execute scripts.
//!
//! A script learns its device's root from the environment variable `SVAR_DEVICE_ROOT`: the device's folder
//! where the script is an ordinary process of this computer, empty or absent where it has a root
//! of its own. The scripts in `playbooks/scripts/` put it before every absolute path; what the
//! playbook's `get` names is the path without it.
