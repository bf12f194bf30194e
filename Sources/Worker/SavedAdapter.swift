import Checkpoint
import Kernels
import Model

extension CheckpointWriter {
    /// Says what the adapter is whose parameters the checkpoint holds.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func write(_ adapter: AdapterConfiguration) throws(CheckpointError) {
        try write(CheckpointLayout.adapter, json: adapter)
    }
}

extension CheckpointReader {
    /// The adapter that it holds; nil where there is none.
    ///
    /// - Throws: `CheckpointError`.
    borrowing func adapter() throws(CheckpointError) -> AdapterConfiguration? {
        description(of: CheckpointLayout.adapter) == nil ? nil : try json(CheckpointLayout.adapter)
    }

    /// A or B of one of its maps.
    ///
    /// - Throws: `CheckpointError`.
    borrowing func adapterParameter(_ spec: ParameterSpec) throws(CheckpointError) -> Buffer<Float> {
        try read(CheckpointLayout.adapterParameter(spec.name), shape: spec.shape)
    }
}
