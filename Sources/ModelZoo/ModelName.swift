// Names of models as users type them.
// Reference: `get_model` in demucs/pretrained.py and `get_hf_model` in demucs/hf.py.

/// A model by the kind of its name.
package enum ModelName: Sendable, Equatable {
    /// A file: a text with a slash, or the name of an existing file.
    case path(String)
    /// `hf://[namespace/]name`: a repository of the Hugging Face hub.
    case hub(HubRepository)
    /// The name of a bag or the signature of a checkpoint, `htdemucs_ft`, `955717e8`.
    case name(String)

    static let hubScheme = "hf://"

    /// Parses a name.
    ///
    /// - Throws: ``ModelStoreError/invalidName(name:problem:)``.
    package init(_ text: String, isFile: (String) -> Bool) throws(ModelStoreError) {
        if text.hasPrefix(Self.hubScheme) {
            self = .hub(
                try HubRepository(parsing: String(text.dropFirst(Self.hubScheme.count)), in: text))
        } else if text.contains("/") || isFile(text) {
            self = .path(text)
        } else if ModelName.isSignature(text) {
            self = .name(text)
        } else {
            throw .invalidName(
                name: text,
                problem: "a name has letters, digits, '.', '_' and '-' and doesn't "
                    + "begin with '.'; a path to a file holds a '/', and a '+' is between two names"
            )
        }
    }

    /// The names of models that are averaged, `htdemucs+bs_roformer_sw`. The longest name of a file
    /// that has a `+` is taken first.
    package static func parts(
        of text: String, isFile: (String) -> Bool = { _ in false }
    ) -> [String] {
        var rest = text.split(separator: "+", omittingEmptySubsequences: false)[...]
        var names: [String] = []
        while !rest.isEmpty {
            let joined = (1...rest.count).map { rest.prefix($0).joined(separator: "+") }
            let count = (joined.lastIndex(where: isFile) ?? 0) + 1
            names.append(joined[count - 1])
            rest = rest.dropFirst(count)
        }
        return names.contains("") ? [text] : names
    }

    /// Whether a text is safe as part of a file name, as names and signatures must be.
    static func isSignature(_ text: String) -> Bool {
        (1...96).contains(text.utf8.count) && !text.hasPrefix(".")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                    UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

/// A model's repository on the Hugging Face hub.
package struct HubRepository: Sendable, Equatable {
    /// Owner of the official repositories.
    static let officialNamespace = "adefossez"

    package let namespace: String
    /// Name of the model and of its bag's file: `htdemucs_ft`.
    package let model: String

    package init(namespace: String = HubRepository.officialNamespace, model: String) {
        self.namespace = namespace
        self.model = model
    }

    init(parsing path: String, in text: String) throws(ModelStoreError) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), parts.allSatisfy(ModelName.isSignature) else {
            throw .invalidName(
                name: text,
                problem: "expected hf://name or hf://namespace/name, in letters, "
                    + "digits, '.', '_' and '-'")
        }
        self.init(
            namespace: parts.count == 2 ? parts[0] : HubRepository.officialNamespace,
            model: parts[parts.count - 1])
    }

    /// Name of the repository: `HTDemucs`, `HTDemucs-ft`, and `Demucs-<name>` for other families.
    package var repository: String {
        let family = "htdemucs"
        if model == family { return "HTDemucs" }
        return model.hasPrefix("\(family)_")
            ? "HTDemucs-\(model.dropFirst(family.count + 1))" : "Demucs-\(model)"
    }

    /// Namespace and repository, `adefossez/HTDemucs`.
    package var identifier: String { "\(namespace)/\(repository)" }

    /// The hub itself; `HF_ENDPOINT` can replace it.
    package static let officialEndpoint = "https://huggingface.co"

    package func address(of file: String, at endpoint: String = officialEndpoint) -> String {
        "\(endpoint)/\(identifier)/resolve/main/\(file)"
    }

    /// Name of the file with a checkpoint's weights.
    package static func file(of signature: String) -> String { "\(signature).safetensors" }

    /// Name of the file that lists the model's checkpoints.
    package var bagFile: String { "\(model).yaml" }
}
