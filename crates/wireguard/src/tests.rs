mod coalesce;
mod config;
mod device;
mod packets;
mod quick;
mod segment;
mod uapi;
