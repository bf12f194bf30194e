import Communicator
import Corpus
import Exchange
import Files
import Kernels
import LowRank
import Model
import Options
import Worker

/// The model that a run starts from: a checkpoint, or a directory that Hugging Face wrote.
struct InitialModel: ~Copyable {
    /// Its shape, on every rank; nil where a run starts from weights that are drawn.
    let configuration: ModelConfiguration?
    /// What `drrl calibrate` found of it, on every rank; nil where it has not looked.
    let calibration: CalibrationRecord?
    /// Whether it is a checkpoint with an adapter, which its weights are read with.
    let mergesAdapter: Bool
    /// On rank 0.
    let tokenizer: ByteLevelBPE?
    /// On rank 0, where it is one.
    private let directory: HuggingFaceModel?
    private let checkpoint: OpenCheckpoint?

    /// Collective: opens what `--init` names, and tells every rank its shape.
    ///
    /// - Parameter path: empty for none.
    /// - Throws: `AgreedError` on every rank for what is no model that can be trained, and `MPIError`.
    init(path: String, world: borrowing Communicator) throws {
        guard !path.isEmpty else {
            (configuration, calibration, tokenizer, directory, mergesAdapter) = (nil, nil, nil, nil, false)
            checkpoint = nil
            return
        }
        let isDirectory = try world.shared(agreed(on: world) {
            guard world.rank == 0 else { return false }
            guard fileExists(path) else {
                throw UnusableFileError(
                    "--init \(path): no such file or directory; name a checkpoint, or a directory that save_pretrained wrote")
            }
            return SystemFile.isDirectory(path)
        })
        guard isDirectory else {
            let opened = try OpenCheckpoint(path: path, world: world)
            let found = try CalibrationRecord(of: opened, on: world)
            (configuration, calibration, tokenizer, directory) = (opened.run.model, found, opened.tokenizer, nil)
            mergesAdapter = opened.adapter != nil
            checkpoint = consume opened
            return
        }
        let (model, own) = try agreed(on: world) {
            guard world.rank == 0 else { return (HuggingFaceModel?.none, ByteLevelBPE?.none) }
            let model = try HuggingFaceModel(directory: path)
            return (model, try model.tokenizer())
        }
        configuration = try world.shared(model?.configuration)
        (calibration, mergesAdapter) = (nil, false)
        (tokenizer, directory) = (own, model)
        checkpoint = nil
    }

    /// Collective: gives a worker what calibration found, where it has looked.
    ///
    /// - Throws: `AgreedError` on every rank where it cannot be read, and `MPIError`.
    func calibrate(_ worker: Worker) throws {
        guard let calibration else { return }
        switch checkpoint {
        case .none: return
        case .some(let checkpoint): try worker.takeCalibration(calibration.losses, from: checkpoint)
        }
    }

    /// On rank 0: a parameter's values.
    ///
    /// - Parameters:
    ///   - spec: of the model's.
    ///   - values: its memory.
    /// - Throws: `ExchangeError`, `CheckpointError` and `ConfigurationError`.
    func read(_ spec: ParameterSpec, into values: Buffer<Float>) throws {
        guard let configuration else { preconditionFailure("weights of no model") }
        try directory?.read(spec, into: values)
        try checkpoint?.read(ParameterArray.weights(of: configuration).entry(spec), into: values)
    }
}
