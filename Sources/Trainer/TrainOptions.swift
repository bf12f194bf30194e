import ArgumentParser
import CommandLine
import Options

/// The command line of `drrl-train`. A configuration file's keys are these options' names.
struct TrainOptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drrl-train",
        abstract: "Trains a language model over MPI ranks: a GPT-2 from nothing, or any that --init names.",
        usage: "[mpirun -n RANKS] drrl-train [--config FILE] [options]",
        discussion: """
            Started alone it is a grid of one rank. With no --train it generates a corpus and trains on that. \
            A run that stopped goes on where it stopped when started again with the same --run-dir. SIGUSR1 to mpirun \
            or to any rank saves at the next step and exits 0; so does SIGTERM. Ctrl-C, SIGHUP and SIGXCPU save and exit \
            with 128 and the signal's number; a second Ctrl-C leaves at once.
            """)

    @Option(help: ArgumentHelp("YAML file of these options, e.g. `steps: 400`; the command line wins.", valueName: "file"))
    var config: String?

    @OptionGroup(title: "Text") var text: TextOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Training") var training: StepOptions
    @OptionGroup(title: "Attention") var attention: AttentionOptions
    @OptionGroup(title: "Policy") var learning: LearningOptions
    @OptionGroup(title: "Policy") var policy: PolicyOptions
    @OptionGroup(title: "Grid") var grid: GridOptions
    @OptionGroup(title: "Run") var run: PlaceOptions

    /// All that was given.
    var values: OptionValues {
        let groups: [any ListedOptions] = [text, model, training, attention, learning, policy, grid, run]
        return groups.reduce(OptionValues()) { $0.merging($1.values) }
    }
}

struct TextOptions: ListedOptions {
    static let listed = RunOptions.options(of: .text)
    var values = OptionValues()
}

struct ModelOptions: ListedOptions {
    static let listed = RunOptions.options(of: .model)
    var values = OptionValues()
}

struct StepOptions: ListedOptions {
    static let listed = RunOptions.options(of: .training)
    var values = OptionValues()
}

/// Where a policy begins, and whether it alone learns.
struct PolicyOptions: ListedOptions {
    static let listed = RunOptions.options(of: .policy)
    var values = OptionValues()
}

struct GridOptions: ListedOptions {
    static let listed = RunOptions.options(of: .grid)
    var values = OptionValues()
}

/// Where the run lies, and when it does what.
struct PlaceOptions: ListedOptions {
    static let listed = RunOptions.options(of: .run)
    var values = OptionValues()
}

extension RunOptions {
    fileprivate static func options(of group: RunOptionGroup) -> [any AnyOption] {
        list.filter { $0.group == group }.map { $0.option }
    }
}
