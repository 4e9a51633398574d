// Also Embedded Swift: typed throws, no key paths, no casts.
// Detection of a file's format by its first bytes: extensions such as `.th`, `.pt` and `.bin` stand
// for several formats.

/// The formats that checkpoints are published in.
public enum CheckpointFormat: String, Sendable, CaseIterable {
    /// `{signature}.safetensors`, official or from third parties.
    case safetensors
    /// `.th`: a zip archive around a pickle and raw storages, as `torch.save` writes since 1.6.
    case torch
    /// `.th`: several pickles, then raw storages, as `torch.save` wrote before 1.6.
    case torchLegacy = "torch-legacy"
    /// `.bin` of demucs.cpp.
    case ggml
    /// `.onnx`, exported by `torch.onnx`.
    case onnx

    /// The format's name in messages.
    public var title: String {
        switch self {
        case .safetensors: "safetensors file"
        case .torch: "PyTorch archive"
        case .torchLegacy: "PyTorch file of the older form"
        case .ggml: "demucs.cpp file"
        case .onnx: "ONNX file"
        }
    }

    /// Detects the format of a file by its content.
    ///
    /// A file without known first bytes counts as safetensors, whose reader then reports the
    /// problem.
    init(of file: FileBytes) {
        let start = file.withBytes(0..<min(16, file.countBytes)) { [UInt8]($0) }
        if start.starts(with: ZipArchive.localHeaderMark) {
            self = .torch
        } else if start.starts(with: TorchLegacy.mark) {
            self = .torchLegacy
        } else if GGML.isMark(start.prefix(4)) {
            self = .ggml
        } else if ONNX.isStart(start) {
            self = .onnx
        } else {
            self = .safetensors
        }
    }
}
