// swift-tools-version: 6.3
import PackageDescription

let package = Package(
    name: "swift-demucs",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Demucs", targets: ["Demucs"]),
        .library(name: "ModelDownloads", targets: ["ModelDownloads"]),
        .library(name: "swiftdemucs", type: .dynamic, targets: ["CInterface"]),
        .executable(name: "swift-demucs", targets: ["swift-demucs"]),
    ],
    targets: [
        .target(name: "CKernels"),
        .systemLibrary(name: "COpenBLAS"),
        .systemLibrary(
            name: "CSndFile", pkgConfig: "sndfile",
            providers: [.apt(["libsndfile1-dev"]), .brew(["libsndfile"])]),
        .systemLibrary(
            name: "CLAME", providers: [.apt(["libmp3lame-dev"]), .brew(["lame"])]),

        // The header of the C interface.
        .systemLibrary(name: "CSwiftDemucs", path: "include"),

        .target(name: "CPlatform"),
        .target(name: "LibC", dependencies: ["CPlatform"]),
        // libcurl is opened when it is needed, so it is not linked.
        .target(name: "CCurl"),
        // The service's libraries are opened when it starts, so they are not linked.
        .target(name: "CServiceLibraries"),
        .target(name: "Files", dependencies: ["LibC", "CPlatform"]),
        .target(name: "Tensor", dependencies: ["CKernels", "COpenBLAS", "LibC"]),
        .target(name: "Signal", dependencies: ["Tensor", "CKernels", "LibC"]),
        .target(name: "Layers", dependencies: ["Tensor", "CKernels", "LibC"]),
        .target(name: "WeightsLoader", dependencies: ["Files", "LibC"]),
        .target(name: "ModelZoo", dependencies: ["WeightsLoader", "Files", "LibC"]),
        .target(
            name: "HTDemucs",
            dependencies: ["Layers", "Signal", "WeightsLoader", "Files", "Tensor"]),
        .target(
            name: "Quantization",
            dependencies: [
                "HTDemucs", "Layers", "Signal", "WeightsLoader", "Files", "Tensor", "CKernels",
            ]),
        .target(name: "Audio", dependencies: ["Signal", "Files", "LibC", "CSndFile", "CLAME"]),
        .target(
            name: "Demucs",
            dependencies: [
                "HTDemucs", "Audio", "ModelZoo", "Signal", "WeightsLoader", "Files", "Tensor",
                "LibC",
            ]),
        .target(
            name: "ModelDownloads",
            dependencies: ["Demucs", "ModelZoo", "WeightsLoader", "Files", "CCurl", "LibC"]),
        .target(
            name: "Diagnostics",
            dependencies: [
                "Demucs", "Quantization", "HTDemucs", "Audio", "ModelZoo", "WeightsLoader",
                "Layers", "Signal", "Files", "Tensor", "LibC",
            ]),
        .target(
            name: "Evaluation", dependencies: ["Quantization", "Audio", "Signal", "Tensor", "LibC"]),
        .target(
            name: "Porting",
            dependencies: [
                "Demucs", "HTDemucs", "Audio", "ModelZoo", "Signal", "WeightsLoader", "Files",
                "Tensor", "LibC",
            ]),
        .target(
            name: "CInterface",
            dependencies: [
                "Demucs", "Diagnostics", "Quantization", "Porting", "Evaluation", "HTDemucs",
                "Audio", "ModelZoo", "Signal", "WeightsLoader", "Files", "Tensor", "LibC",
                "CSwiftDemucs",
            ],
            exclude: ["abi.txt", "exports.map"]),
        .target(
            name: "Service",
            dependencies: [
                "Demucs", "HTDemucs", "Audio", "ModelZoo", "Signal", "WeightsLoader", "Files",
                "Tensor", "LibC", "CServiceLibraries",
            ],
            resources: [.embedInCode("Page"), .embedInCode("openapi.json")]),
        .executableTarget(
            name: "swift-demucs",
            dependencies: [
                "Demucs", "ModelDownloads", "Diagnostics", "Quantization", "Porting", "Evaluation",
                "Service", "ModelZoo", "WeightsLoader", "HTDemucs", "Signal", "Files", "Tensor",
                "LibC", "CSwiftDemucs",
            ],
            path: "Sources/cli"),

        // Reads fixtures and compares tensors; only for the tests.
        .target(
            name: "TestSupport", dependencies: ["WeightsLoader", "Signal", "Tensor"],
            path: "Tests/TestSupport"),
        // Compares every set of kernels with the plain one, from Swift and under emulation.
        .target(name: "CKernelTester", dependencies: ["CKernels"], path: "Tests/CKernelTester"),
        // Counts heap allocations of the test process.
        .target(name: "CAllocations", path: "Tests/CAllocations"),
        // Not a product: `swift run -c release fuzz-readers`.
        .executableTarget(
            name: "fuzz-readers", dependencies: ["HTDemucs", "WeightsLoader", "TestSupport"],
            path: "tools/fuzz"),
        .testTarget(
            name: "KernelTests",
            dependencies: ["CKernels", "CKernelTester", "Tensor", "TestSupport"]),
        .testTarget(
            name: "FilesTests", dependencies: ["Files", "LibC", "CPlatform", "TestSupport"]),
        .testTarget(name: "LayersTests", dependencies: ["Layers", "TestSupport"]),
        .testTarget(name: "SignalTests", dependencies: ["Signal", "Tensor", "TestSupport"]),
        .testTarget(name: "WeightsLoaderTests", dependencies: ["WeightsLoader", "TestSupport"]),
        .testTarget(
            name: "HTDemucsTests",
            dependencies: ["HTDemucs", "Layers", "Tensor", "TestSupport", "CAllocations"]),
        .testTarget(
            name: "QuantizationTests",
            dependencies: ["Quantization", "HTDemucs", "Layers", "Tensor", "TestSupport"]),
        .testTarget(name: "AudioTests", dependencies: ["Audio", "Files", "TestSupport"]),
        .testTarget(
            name: "DemucsTests",
            dependencies: ["Demucs", "ModelZoo", "Files", "TestSupport"]),
        .testTarget(
            name: "EvaluationTests",
            dependencies: ["Evaluation", "Tensor", "TestSupport"]),
        .testTarget(
            name: "PortingTests", dependencies: ["Porting", "Demucs", "ModelZoo", "TestSupport"]),
        .testTarget(
            name: "ModelZooTests",
            dependencies: ["ModelZoo", "WeightsLoader", "Files", "TestSupport"]),
        .testTarget(
            name: "ModelDownloadsTests",
            dependencies: ["ModelDownloads", "ModelZoo", "WeightsLoader", "Files", "TestSupport"]),
        .testTarget(
            name: "ServiceTests",
            dependencies: ["Service", "Demucs", "ModelZoo", "TestSupport"]),
        .testTarget(
            name: "CLITests",
            dependencies: ["Demucs", "ModelZoo", "WeightsLoader", "Files", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
