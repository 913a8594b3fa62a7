//! Areas in the form in which they are configured.

use std::collections::BTreeMap;

use ferr_config::Config;
use ferr_config::model::ospf::OspfName;
use ferr_state::Gone;
use ferr_types::AreaId;

use crate::show::Ctx;
use crate::show::ospf::select::Target;

/// How areas are written.
#[derive(Debug, Default)]
pub(super) struct Areas(BTreeMap<AreaId, String>);

impl Areas {
    /// Of an instance.
    pub(super) async fn of(ctx: &Ctx<'_>, target: &Target) -> Result<Self, Gone> {
        Ok(Self::read(&*ctx.handle().running().await?, &target.name.vrf))
    }

    fn read(config: &Config, vrf: &str) -> Self {
        let vrf = Some(vrf.to_owned()).filter(|v| v != "default");
        let mut out = BTreeMap::new();
        let instance = config.ospf6.get(&OspfName { instance: 0, vrf });
        for area in instance.into_iter().flat_map(|i| i.areas.keys()) {
            out.insert(AreaId(area.id), area.to_string());
        }
        // Interfaces stand before their router, and what is said first counts.
        let links: Vec<_> = config.interfaces.values().filter_map(|i| i.ospf6.area).collect();
        for link in links.iter().rev() {
            out.insert(AreaId(link.id), link.to_string());
        }
        out.into_iter().collect()
    }

    /// The area.
    pub(super) fn name(&self, area: AreaId) -> String {
        self.0.get(&area).cloned().unwrap_or_else(|| area.to_string())
    }
}

impl FromIterator<(AreaId, String)> for Areas {
    fn from_iter<I: IntoIterator<Item = (AreaId, String)>>(areas: I) -> Self {
        Self(areas.into_iter().collect())
    }
}
