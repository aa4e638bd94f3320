"""The small partner portal around the plugin: its own tables, migrations, CSV import and data source.

Lives here: partners, accounts, products, prices, charges, account users and staff of the portal we bring ourselves.
May import: cwportal.plugin, cwportal.portal, cwportal.config, cwportal.errors, cwportal.vocabulary.
Must never: import any other room of the plugin, or touch its tables: this package is the proof that any host can.
"""
