// swift-tools-version: 6.0
import PackageDescription

// Ground floor first; a target imports only those above it in this list: C libraries and our C, memory and products
// (Kernels), decompositions (LinearAlgebra), files (Files), MPI (Communicator), text (JSON, Corpus), models (Model,
// LowRank), checkpoints (HDF5, Checkpoint) and others' files (Exchange), a rank at work (Worker), programs.
let package = Package(
    name: "drrl",
    products: [
        .executable(name: "drrl-train", targets: ["drrl-train"]),
        .executable(name: "drrl", targets: ["drrl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.4.0"),
    ],
    targets: [
        // C libraries from the system, through pkg-config.
        .systemLibrary(name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CLAPACKE", pkgConfig: "lapacke", providers: [.apt(["liblapacke-dev"])]),
        .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),

        .target(name: "CKernels"),
        .target(name: "Kernels", dependencies: ["CKernels", "COpenBLAS"]),
        .target(name: "LinearAlgebra", dependencies: ["CLAPACKE", "COpenBLAS", "Kernels"]),
        .target(
            name: "Files",
            dependencies: [
                "CXXHash",
                .product(name: "Crypto", package: "swift-crypto"), .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(name: "CProcess"),
        .target(name: "JSON"),
        .target(name: "Options"),
        .target(name: "Communicator", dependencies: ["CMPI", "CProcess", "Kernels"]),
        .target(
            name: "Corpus",
            dependencies: [
                "Files", "JSON", "Kernels", "Options", .product(name: "HeapModule", package: "swift-collections"),
            ]),
        .target(name: "Model", dependencies: ["CKernels", "COpenBLAS", "Kernels", "LinearAlgebra", "Options"]),
        .target(
            name: "LowRank",
            dependencies: ["CKernels", "COpenBLAS", "Kernels", "LinearAlgebra", "Options", "Model"]),
        .target(name: "Generation", dependencies: ["Corpus", "Kernels", "Model", "Options"]),
        .target(name: "CHDF5Driver", dependencies: ["CHDF5"]),
        .target(name: "HDF5", dependencies: ["CHDF5", "CHDF5Driver", "Files"]),
        .target(name: "Checkpoint", dependencies: ["Files", "HDF5", "Kernels"]),
        .target(name: "Exchange", dependencies: ["Corpus", "Files", "JSON", "Kernels", "Options", "Model"]),
        .target(name: "Runs", dependencies: ["Checkpoint", "Corpus", "Files", "JSON", "Options", "Yams"]),
        .target(
            name: "Worker",
            dependencies: [
                "Runs", "Communicator", "Corpus", "Model", "LowRank", "Checkpoint", "Files", "HDF5", "Kernels",
                "Options",
            ]),
        .target(
            name: "CommandLine",
            dependencies: [
                "Worker", "Files", "Corpus", "Model", "LowRank", "Communicator", "Kernels", "Options",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .target(
            name: "Trainer",
            dependencies: [
                "CommandLine", "Runs", "Worker", "Exchange", "Checkpoint", "Corpus", "Model", "LowRank",
                "Communicator", "Files", "Kernels", "Options",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(name: "drrl-train", dependencies: ["Trainer"]),
        .target(
            name: "Toolbox",
            dependencies: [
                "CommandLine", "Generation", "Worker", "Exchange", "Checkpoint", "Corpus", "Model", "LowRank", "Communicator",
                "Files", "HDF5", "JSON", "Kernels", "Options", "Runs",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(name: "drrl", dependencies: ["Toolbox"]),

        // How tests start programs, alone or under mpirun.
        .target(
            name: "TestSupport", dependencies: ["CLAPACKE", "Corpus", "Exchange", "Files", "Kernels", "LinearAlgebra", "Model"],
            path: "Tests/Support"),
        // Prints encoding and training rates.
        .executableTarget(
            name: "tokenizer-benchmark", dependencies: ["Corpus"], path: "benchmarks/tokenizer"),
        .target(
            name: "BenchmarkSupport",
            dependencies: [
                "Corpus", "Model", "LowRank", "Communicator", "Kernels", "Options",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "benchmarks/support", exclude: ["gpt2.py", "machine.py", "programs.py", "recipes.py", "seeds.py", "test_machine.py", "wikitext.py"]),
        // Times training steps, alone or under mpirun.
        .executableTarget(
            name: "throughput-benchmark",
            dependencies: [
                "BenchmarkSupport", "Runs", "Worker", "Checkpoint", "Corpus", "Model", "LowRank", "Communicator",
                "Kernels", "Options",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "benchmarks/throughput", exclude: ["run", "pytorch_step.py"]),
        // Times attention, full and low-rank.
        .executableTarget(
            name: "attention-benchmark",
            dependencies: [
                "Worker", "Model", "LowRank", "Kernels", "Options",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "benchmarks/attention", exclude: ["run", "pytorch_attention.py"]),
        // Times what benchmarks/scaling predicts from, and what it predicts.
        .executableTarget(
            name: "scaling-benchmark",
            dependencies: [
                "BenchmarkSupport", "Worker", "Corpus", "Model", "LowRank", "Communicator", "Kernels",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "benchmarks/scaling", exclude: ["run", "fit.py", "model.py", "simulation.py", "test_model.py"]),

        // What the multi-rank tests start under mpirun.
        .executableTarget(
            name: "communicator-probe", dependencies: ["Communicator", "Kernels"],
            path: "Tests/CommunicatorProbe"),

        // Saves and loads arrays of every kind of holder under mpirun.
        .executableTarget(
            name: "persistent-probe",
            dependencies: ["Worker", "Checkpoint", "Communicator", "Corpus", "Kernels", "Model"],
            path: "Tests/PersistentProbe"),

        // What the checkpoint tests kill, starve and measure.
        .executableTarget(
            name: "checkpoint-probe", dependencies: ["Checkpoint", "Kernels"],
            path: "Tests/CheckpointProbe"),

        .testTarget(name: "OptionsTests", dependencies: ["Options"]),
        .testTarget(
            name: "RunsTests", dependencies: ["Runs", "Worker", "Options", "Model", "TestSupport"]),
        .testTarget(name: "KernelsTests", dependencies: ["Kernels", "CKernels"]),
        .testTarget(name: "LinearAlgebraTests", dependencies: ["Kernels", "LinearAlgebra", "TestSupport"]),
        .testTarget(name: "FilesTests", dependencies: ["Files", "TestSupport"]),
        .testTarget(name: "CommunicatorTests", dependencies: ["Communicator", "TestSupport", "communicator-probe"]),
        .testTarget(
            name: "CorpusTests",
            dependencies: ["Corpus", "Kernels", "Options", "TestSupport", .product(name: "Crypto", package: "swift-crypto")],
            exclude: ["Golden"]),
        .testTarget(
            name: "ModelTests", dependencies: ["Model", "Kernels", "Options", "TestSupport"],
            exclude: ["Golden"]),
        .testTarget(
            name: "LowRankTests",
            dependencies: ["LowRank", "Kernels", "LinearAlgebra", "Options", "Model", "TestSupport"]),
        .testTarget(
            name: "GenerationTests", dependencies: ["Generation", "Corpus", "Kernels", "Model", "TestSupport"],
            exclude: ["Golden"]),
        .testTarget(
            name: "CheckpointTests", dependencies: ["Checkpoint", "Kernels", "TestSupport", "checkpoint-probe"],
            exclude: ["Python"]),
        .testTarget(
            name: "ExchangeTests", dependencies: ["Exchange", "Corpus", "Kernels", "Model", "TestSupport"], exclude: ["Golden", "Python"]),
        .testTarget(
            name: "WorkerTests",
            dependencies: [
                "Worker", "Corpus", "Kernels", "Options", "Runs", "Model", "TestSupport", "persistent-probe",
            ]),
        .testTarget(
            name: "TrainerTests",
            dependencies: [
                "Trainer", "CommandLine", "Runs", "Worker", "Checkpoint", "Corpus", "LowRank", "JSON", "Kernels",
                "Options", "Model", "TestSupport", "drrl-train",
            ]),
        .testTarget(
            name: "ToolboxTests",
            dependencies: [
                "Toolbox", "Runs", "Worker", "Checkpoint", "Corpus", "Model", "LowRank", "JSON", "Kernels",
                "TestSupport", "drrl", "drrl-train",
            ]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c11
)
