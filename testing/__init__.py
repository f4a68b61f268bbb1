"""What tests, benchmarks and tools share: instances, clocks, the connector in this process and as one, warehouses, cases."""
