// swift-tools-version: 6.3
// The engine for browsers: the sources of the package above, as Embedded Swift for WebAssembly.
// tools/build_web compiles it, with the options that Embedded Swift needs.
import PackageDescription

/// For modules whose loops take no time in a separation: a page loads the engine before it can do anything.
let small: [SwiftSetting] = [.unsafeFlags(["-Osize"])]

let package = Package(
    name: "swift-demucs",
    targets: [
        .target(name: "CKernels"),
        .target(name: "CPlatform"),
        .target(name: "System", dependencies: ["CPlatform"], exclude: ["Native"]),
        .target(name: "Tensor", dependencies: ["System", "CKernels"], exclude: ["Native"]),
        .target(name: "Signal", dependencies: ["Tensor", "System", "CKernels"]),
        .target(name: "Layers", dependencies: ["Tensor", "System", "CKernels"]),
        .target(
            name: "WeightsLoader", dependencies: ["System"],
            exclude: ["Native", "ONNX/Native", "Safetensors/Native"],
            swiftSettings: small),
        .target(
            name: "Networks",
            dependencies: ["Layers", "Signal", "WeightsLoader", "Tensor", "System"],
            swiftSettings: small),
        .target(
            name: "HTDemucs",
            dependencies: ["Networks", "Layers", "Signal", "WeightsLoader", "Tensor", "System"],
            swiftSettings: small),
        .target(
            name: "Tracks", dependencies: ["Networks", "Signal", "Tensor", "System"],
            exclude: ["Native"], swiftSettings: small),
        .target(
            name: "Analysis", dependencies: ["Tracks", "Signal", "Tensor", "System", "CKernels"],
            exclude: ["Native"], swiftSettings: small),
        // Functions that the C library of WebAssembly lacks, and the functions of the page.
        .target(name: "CWeb"),
        .executableTarget(
            name: "Engine",
            dependencies: [
                "Analysis", "Tracks", "HTDemucs", "Networks", "Signal", "WeightsLoader", "Tensor",
                "System", "CWeb",
            ], swiftSettings: small),
    ],
    swiftLanguageModes: [.v6]
)

// As in the package above: in `.ci/run` all warnings are errors.
if Context.environment["SWIFT_DEMUCS_WARNINGS"] == "error" {
    for target in package.targets {
        target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
    }
}
