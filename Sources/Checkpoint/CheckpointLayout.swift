/// Where drrl keeps what in a checkpoint, but for what `LowRank` keeps, whose entries name their places themselves.
/// `docs/checkpoint.md` describes each entry.
public enum CheckpointLayout {
    /// JSON text: the configuration of the run.
    public static let config = "/config"

    /// The weights of parameter `name`, under its Hugging Face name. float32, the parameter's shape.
    public static func parameter(_ name: String) -> String { "/model/" + name }
    /// Adam's running mean of the gradient of parameter `name`. float32, the parameter's shape.
    public static func firstMoment(_ name: String) -> String { "/optimizer/m/" + name }
    /// Adam's running mean of the squared gradient of parameter `name`. float32, the parameter's shape.
    public static func secondMoment(_ name: String) -> String { "/optimizer/v/" + name }

    /// JSON text: what the adapter is, where there is one.
    public static let adapter = "/adapter/config"
    /// Parameter `name` of the adapter, such as `…q_proj.lora_A.weight`. float32, [r, n] or [m, r].
    public static func adapterParameter(_ name: String) -> String { "/adapter/model/" + name }
    /// Adam's running mean of its gradient.
    public static func adapterFirstMoment(_ name: String) -> String { "/adapter/m/" + name }
    /// Adam's running mean of its squared gradient.
    public static func adapterSecondMoment(_ name: String) -> String { "/adapter/v/" + name }

    /// int64 scalar: index of the next sample in the run's global order.
    public static let dataCursor = "/data/cursor"
    /// JSON text: which corpus, its hash and sizes, so that a resumed run reads the same text.
    public static let dataSource = "/data/source"

    /// uint64 scalar: key of the counter-based generator. With the step and the sample index it is all its state.
    public static let randomKey = "/rng/key"

    /// uint8 list: the bytes of `encoder.json`.
    public static let tokenizerEncoder = "/tokenizer/encoder.json"
    /// uint8 list: the bytes of `vocab.bpe`.
    public static let tokenizerMerges = "/tokenizer/vocab.bpe"
    /// uint8 list: the bytes of `tokenizer.json`, in place of the two.
    public static let tokenizerJSON = "/tokenizer/tokenizer.json"
    /// Text: the tokenizer's hash, as printed beside perplexities.
    public static let tokenizerHash = "/tokenizer/hash"

    /// Column `name` of the trace of levels, a row for each traced step.
    public static func trace(_ name: String) -> String { "/traces/" + name }
}
