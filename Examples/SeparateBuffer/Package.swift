// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "SeparateBuffer",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-demucs", path: "../..")],
    targets: [
        .executableTarget(
            name: "SeparateBuffer",
            dependencies: [.product(name: "HTDemucs", package: "swift-demucs")])
    ],
    swiftLanguageModes: [.v6]
)
