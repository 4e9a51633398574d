// swift-tools-version: 6.1
import PackageDescription

let library = Target.Dependency.product(name: "Demucs", package: "swift-demucs")
let engine = Target.Dependency.product(name: "DemucsEngine", package: "swift-demucs")
let downloads = Target.Dependency.product(name: "ModelDownloads", package: "swift-demucs")
let package = Package(
    name: "Examples",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-demucs", path: "../..")],
    targets: [
        .executableTarget(name: "FirstProgram", dependencies: [library, downloads]),
        .executableTarget(name: "SeparateBuffer", dependencies: [engine]),
        .executableTarget(name: "SeparateLive", dependencies: [engine]),
        .executableTarget(name: "SeparateFile", dependencies: [library, downloads]),
        .executableTarget(name: "SeparatePieces", dependencies: [library]),
    ],
    swiftLanguageModes: [.v6]
)
