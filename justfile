# The everyday commands; `just` lists them. sink and sink-before take a tenant as in topic names: a.b is a%2Eb.

# Lists the recipes.
default:
    @just --list

# Starts broker, ingestor and a stub generator; flags go to the ingestor: just serve --watch
serve *flags:
    npx nx serve ingestor --stub {{ flags }}

# Shows which tenants, SKUs and units were published, with their counts and exact totals.
source:
    npx pulses source

# Prints the grouped pulses of a tenant's SKU.
sink tenant sku:
    npx pulses cat {{ quote('tenants.' + tenant + '.grouped.pulses') }} --sku={{ quote(sku) }}

# The same, stored before a time in Unix seconds.
sink-before tenant sku epoch:
    npx pulses cat {{ quote('tenants.' + tenant + '.grouped.pulses') }} --sku={{ quote(sku) }} --until={{ epoch }}

# Sums a tenant's SKU exactly, up to and including a time in Unix seconds.
sink-aggr tenant sku epoch:
    npx pulses totals --tenant={{ quote(tenant) }} --sku={{ quote(sku) }} --through={{ epoch }}

# Publishes lines of pulses: just publish < pulses.ndjson
publish:
    npx pulses produce source.pulses

# Proves that the outputs are exactly what the source says.
audit:
    npx pulses audit

# Writes the API reference from the doc comments.
docs:
    npm run docs

# Runs lint, type check and tests.
test:
    npm test
