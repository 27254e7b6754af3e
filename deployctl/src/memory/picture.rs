//! placeholder
use super::MemoryPlan;
/// x
pub fn picture(_plan: &MemoryPlan) -> String {
    String::new()
}
