//! BGP speaker as a sans-I/O core.
