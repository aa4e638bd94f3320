"""The pure core, as tables of cases: no application, no database, no network, no clock."""
