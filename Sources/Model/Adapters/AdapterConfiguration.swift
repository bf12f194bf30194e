import Options

/// What a run adapts a model by, and where: low-rank additions to linear maps of its layers (Hu et al. 2021, "LoRA").
///
/// For a map y = x Wᵀ + b with m outputs and n inputs: y + s (drop(x) Aᵀ) Bᵀ, A: [r, n], B: [m, r], s = α/r, or α/√r where
/// `scalesByRoot` says so (Kalajdzievski 2023, "rsLoRA").
///
///     let adapter = try AdapterConfiguration(text: "lora:r=8,alpha=16,targets=q_proj+v_proj")
///     let maps = try adapter.maps(of: model)
public struct AdapterConfiguration: Codable, Equatable, Sendable {
    /// The kinds of adapters there are.
    public enum Kind: String, CaseIterable, Codable, Sendable { case lora }

    /// Which kind it is.
    public var kind = Kind.lora
    /// r.
    public var rank: Int
    /// α.
    public var alpha: Double
    /// Probability of dropping an element of the adapter's input, in training.
    public var dropout: Float
    /// Whether s is α/√r.
    public var scalesByRoot: Bool
    /// Names of linear maps, each with what follows a dot in Hugging Face's: `v_proj`, `mlp.c_proj`. `all` for all of the
    /// layers; none for what the family usually adapts.
    public var targets: [String]
    /// Maps, by Hugging Face's whole name, that differ in rank or α from the rest; rank 0 for one that is not adapted.
    public var exceptions: [String: Exception] = [:]

    /// A map's own rank and α.
    public struct Exception: Codable, Equatable, Sendable {
        /// r, 0 for none.
        public var rank: Int
        /// α.
        public var alpha: Double

        /// A map of this rank and α.
        public init(rank: Int, alpha: Double) {
            self.rank = rank
            self.alpha = alpha
        }
    }

    /// What `targets` holds for all linear maps of the layers.
    public static let allTargets = "all"
    /// The largest r.
    public static let mostRank = 1 << 12

    /// - Throws: `ConfigurationError` for a number that cannot be.
    public init(
        rank: Int = 8, alpha: Double? = nil, dropout: Float = 0, scalesByRoot: Bool = false, targets: [String] = [],
        exceptions: [String: Exception] = [:]
    ) throws(ConfigurationError) {
        self.rank = rank
        self.alpha = alpha ?? Double(rank)
        self.dropout = dropout
        self.scalesByRoot = scalesByRoot
        self.targets = targets
        self.exceptions = exceptions
        guard rank >= 1, rank <= Self.mostRank else {
            throw ConfigurationError("r is \(rank); it must lie between 1 and \(Self.mostRank)")
        }
        guard self.alpha > 0, self.alpha.isFinite else {
            throw ConfigurationError("alpha is \(self.alpha); it must be above 0")
        }
        guard dropout >= 0, dropout < 1 else {
            throw ConfigurationError("dropout is \(dropout); it must be at least 0 and below 1")
        }
    }

    /// s for a map of rank `rank` and α `alpha`.
    func scale(rank: Int, alpha: Double) -> Float {
        Float(alpha / (scalesByRoot ? Double(rank).squareRoot() : Double(rank)))
    }
}

/// As text: `lora:r=8,alpha=16,targets=q_proj+v_proj,dropout=0.05`.
extension AdapterConfiguration {
    /// What is written after `lora:`; all of it may be left out.
    private static let keys = "r, alpha, targets, dropout and rslora"

    /// - Throws: `ConfigurationError` for a kind, key or value that cannot be.
    public init(text: String) throws(ConfigurationError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard Kind(rawValue: String(parts[0])) != nil else {
            throw ConfigurationError("there is no kind \"\(parts[0])\"; write e.g. lora:r=8,alpha=16,targets=q_proj+v_proj")
        }
        var given: [String: String] = [:]
        for part in parts.count > 1 && !parts[1].isEmpty ? parts[1].split(separator: ",", omittingEmptySubsequences: false) : [] {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard ["r", "alpha", "targets", "dropout", "rslora"].contains(pair[0]), pair.count == 2 || pair[0] == "rslora" else {
                throw ConfigurationError("\"\(part)\" is no key and value; the keys are \(Self.keys)")
            }
            guard given.updateValue(pair.count == 2 ? pair[1] : "true", forKey: pair[0]) == nil else {
                throw ConfigurationError("\(pair[0]) is given twice")
            }
        }
        func value<Value: OptionValue>(_ key: String, _ type: Value.Type) throws(ConfigurationError) -> Value? {
            guard let text = given[key] else { return nil }
            guard let value = Value(optionText: text) else {
                throw ConfigurationError("\(key)=\(text): \(Value.expected)")
            }
            return value
        }
        let targets = given["targets"].map { $0.split(separator: "+", omittingEmptySubsequences: false).map(String.init) } ?? []
        guard targets.allSatisfy({ !$0.isEmpty }), Set(targets).count == targets.count else {
            throw ConfigurationError("targets=\(given["targets"] ?? ""): give names with + between them, each once")
        }
        try self.init(
            rank: value("r", Int.self) ?? 8, alpha: value("alpha", Double.self), dropout: value("dropout", Float.self) ?? 0,
            scalesByRoot: value("rslora", Bool.self) ?? false, targets: targets)
    }

    /// Text that reads back the same, all values in it; `exceptions` have none.
    public var text: String {
        func number(_ text: String) -> String { text.hasSuffix(".0") ? String(text.dropLast(2)) : text }
        var parts = ["r=\(rank)", "alpha=\(number("\(alpha)"))"]
        if !targets.isEmpty { parts.append("targets=" + targets.joined(separator: "+")) }
        parts.append("dropout=\(number("\(dropout)"))")
        if scalesByRoot { parts.append("rslora=true") }
        return "\(kind.rawValue):" + parts.joined(separator: ",")
    }
}
