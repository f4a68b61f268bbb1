"""The parts that the manifest cannot express, on the CDK's public extension points. The manifest says why each is needed."""
