// swift-tools-version: 6.3
import PackageDescription

let package = Package(
    name: "swift-demucs",
    // The first with the module Synchronization.
    platforms: [.macOS(.v15), .iOS(.v18)],
    products: [
        .library(name: "Demucs", targets: ["Demucs"]),
        // Samples in, stems out: needs no library that the system doesn't have.
        .library(name: "DemucsEngine", targets: ["DemucsEngine"]),
        .library(name: "ModelDownloads", targets: ["ModelDownloads"]),
        // Tempo, beats, bars and key: `import Analysis`.
        .library(name: "DemucsAnalysis", targets: ["Analysis"]),
        // Models with INT8 weights: `import Quantization`.
        .library(name: "DemucsQuantization", targets: ["Quantization"]),
        .library(name: "swiftdemucs", type: .dynamic, targets: ["CInterface"]),
        // The wheel's: with the command in it, so that Swift's runtime is in the wheel once.
        .library(name: "swiftdemucs-wheel", type: .dynamic, targets: ["CInterface", "Program"]),
        .executable(name: "swift-demucs", targets: ["swift-demucs"]),
    ],
    targets: [
        .target(name: "CKernels"),
        .target(
            name: "CBLAS",
            linkerSettings: [.linkedFramework("Accelerate", .when(platforms: [.macOS, .iOS]))]),
        .systemLibrary(
            name: "CSndFile", pkgConfig: "sndfile",
            providers: [.apt(["libsndfile1-dev"]), .brew(["libsndfile"])]),
        .systemLibrary(
            name: "CLAME", providers: [.apt(["libmp3lame-dev"]), .brew(["lame"])]),

        // The header of the C interface.
        .systemLibrary(name: "CSwiftDemucs", path: "Sources/CSwiftDemucs"),

        .target(name: "CPlatform"),
        .target(name: "System", dependencies: ["CPlatform"], exclude: ["Embedded"]),
        // libcurl is opened when it is needed, so it is not linked.
        .target(name: "CCurl"),
        // The service's libraries are opened when it starts, so they are not linked.
        .target(name: "CServiceLibraries"),
        // Carries the files of the folder web/page.
        .target(name: "CPage"),
        .target(
            name: "Tensor", dependencies: ["System", "CKernels", "CBLAS"],
            exclude: ["Embedded"]),
        .target(name: "Signal", dependencies: ["Tensor"]),
        .target(name: "Layers", dependencies: ["Tensor"]),
        .target(name: "WeightsLoader", dependencies: ["System"], exclude: ["Embedded"]),
        .target(name: "ModelZoo", dependencies: ["WeightsLoader"]),
        .target(name: "Networks", dependencies: ["Layers", "Signal", "WeightsLoader"]),
        .target(name: "HTDemucs", dependencies: ["Networks"]),
        .target(name: "RoFormer", dependencies: ["Networks"]),
        .target(name: "Quantization", dependencies: ["DemucsEngine"]),
        .target(name: "Tracks", dependencies: ["Networks"], exclude: ["Embedded"]),
        .target(
            name: "DemucsEngine", dependencies: ["HTDemucs", "RoFormer", "Tracks", "ModelZoo"]),
        .target(name: "Audio", dependencies: ["Tracks", "CSndFile", "CLAME"]),
        .target(name: "Demucs", dependencies: ["Audio", "DemucsEngine"]),
        .target(name: "ModelDownloads", dependencies: ["Demucs", "CCurl"]),
        .target(name: "Diagnostics", dependencies: ["Demucs", "Quantization"]),
        .target(name: "Runs", dependencies: ["Analysis", "Demucs", "CSwiftDemucs"]),
        .target(name: "Analysis", dependencies: ["Audio", "DemucsEngine"]),
        .target(name: "Evaluation", dependencies: ["Audio"]),
        .target(name: "Porting", dependencies: ["Demucs"]),
        .target(
            name: "CInterface",
            dependencies: ["Runs", "ModelDownloads", "Diagnostics", "Porting", "Evaluation"],
            exclude: ["abi.txt", "exports.map"]),
        .target(
            name: "Service", dependencies: ["Runs", "CServiceLibraries", "CPage"]),
        .target(
            name: "CLI",
            dependencies: ["Runs", "ModelDownloads", "Diagnostics", "Porting", "Evaluation"],
            path: "Sources/cli", exclude: ["main"]),
        .target(name: "Program", dependencies: ["CLI", "Service"]),
        // The wheel's library holds the command too, so the program's `main` is a target of its own.
        .executableTarget(
            name: "swift-demucs", dependencies: ["Program"], path: "Sources/cli/main"),

        // Reads fixtures and compares tensors; only for the tests.
        .target(
            name: "TestSupport", dependencies: ["Signal", "WeightsLoader"],
            path: "Tests/TestSupport"),
        // Compares every set of kernels with the plain one, from Swift and under emulation.
        .target(name: "CKernelTester", dependencies: ["CKernels"], path: "Tests/CKernelTester"),
        // Counts heap allocations of the test process.
        .target(name: "CAllocations", path: "Tests/CAllocations"),
        // Not a product: `swift run -c release fuzz-readers`.
        .executableTarget(
            name: "fuzz-readers", dependencies: ["HTDemucs", "TestSupport"], path: "Tests/Fuzz"),
        // Not a product: `swift build -c release --product gated-service`.
        .executableTarget(
            name: "gated-service", dependencies: ["Program", "TestSupport"],
            path: "Tests/GatedService"),
        .testTarget(name: "KernelTests", dependencies: ["CKernelTester", "TestSupport"]),
        .testTarget(name: "SystemTests", dependencies: ["System", "TestSupport"]),
        .testTarget(name: "LayersTests", dependencies: ["Layers", "TestSupport"]),
        .testTarget(name: "SignalTests", dependencies: ["Signal", "TestSupport"]),
        .testTarget(name: "WeightsLoaderTests", dependencies: ["WeightsLoader", "TestSupport"]),
        .testTarget(
            name: "HTDemucsTests", dependencies: ["HTDemucs", "TestSupport", "CAllocations"]),
        .testTarget(
            name: "RoFormerTests", dependencies: ["ModelZoo", "RoFormer", "Tracks", "TestSupport"]),
        .testTarget(name: "QuantizationTests", dependencies: ["Quantization", "TestSupport"]),
        .testTarget(name: "DemucsEngineTests", dependencies: ["DemucsEngine", "TestSupport"]),
        .testTarget(
            name: "TracksTests",
            dependencies: ["HTDemucs", "Tracks", "TestSupport", "CAllocations"]),
        .testTarget(name: "AudioTests", dependencies: ["Audio", "TestSupport"]),
        .testTarget(
            name: "DemucsTests",
            dependencies: ["Analysis", "Demucs", "ModelDownloads", "Quantization", "TestSupport"]),
        .testTarget(name: "EvaluationTests", dependencies: ["Evaluation", "TestSupport"]),
        .testTarget(name: "AnalysisTests", dependencies: ["Analysis", "TestSupport"]),
        .testTarget(name: "PortingTests", dependencies: ["Porting", "TestSupport"]),
        .testTarget(name: "ModelZooTests", dependencies: ["ModelZoo", "TestSupport"]),
        .testTarget(name: "ModelDownloadsTests", dependencies: ["ModelDownloads", "TestSupport"]),
        .testTarget(name: "ServiceTests", dependencies: ["Service", "TestSupport"]),
        .testTarget(name: "RunsTests", dependencies: ["Runs"]),
        .testTarget(name: "RepositoryTests", dependencies: ["TestSupport"]),
        .testTarget(name: "CInterfaceTests", dependencies: ["CInterface", "TestSupport"]),
        .testTarget(
            name: "CLITests", dependencies: ["CLI", "CInterface", "swift-demucs", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)

// In `.ci/run` all warnings are errors. Not for users, whose newer compilers may warn of more.
if Context.environment["SWIFT_DEMUCS_WARNINGS"] == "error" {
    for target in package.targets where target.type != .system {
        target.swiftSettings = [.treatAllWarnings(as: .error)]
        target.cSettings =
            ["all", "extra", "shadow", "conversion"].map { .enableWarning($0) }
            + [.treatAllWarnings(as: .error)]
    }
}

// `tools/test Layers`: the tests of one module, and what they need.
if let name = Context.environment["SWIFT_DEMUCS_ONLY_TESTS"] {
    var needed: Set<String> = []
    func need(_ name: String) {
        guard needed.insert(name).inserted else { return }
        for case .byNameItem(let other, _) in package.targets.first(where: { $0.name == name })?
            .dependencies ?? []
        {
            need(other)
        }
    }
    need(name)
    package.targets.removeAll { !needed.contains($0.name) }
    package.products = []
}

// Where libsndfile, LAME and the headers of other libraries are not installed: `DemucsEngine`, and the tests of what it consists of.
if Context.environment["SWIFT_DEMUCS_ONLY_ENGINE"] != nil {
    var left: Set = ["CSndFile", "CLAME", "CCurl", "CServiceLibraries", "CPage"]
    func needsLeft(_ target: Target) -> Bool {
        target.dependencies.contains {
            if case .byNameItem(let name, _) = $0 { left.contains(name) } else { false }
        }
    }
    while let next = package.targets.first(where: { !left.contains($0.name) && needsLeft($0) }) {
        left.insert(next.name)
    }
    package.targets.removeAll { left.contains($0.name) }
    package.products.removeAll { $0.name != "DemucsEngine" }
}

// The optimiser takes half of the compile time of tests. Only those that compute references in long loops gain by it.
// Unsafe flags of tests don't keep other packages from using the products.
let computing: Set = [
    "KernelTests", "SignalTests", "LayersTests", "TracksTests", "AnalysisTests",
    "QuantizationTests",
]
for target in package.targets where target.type == .test && !computing.contains(target.name) {
    target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-Onone"])]
}
