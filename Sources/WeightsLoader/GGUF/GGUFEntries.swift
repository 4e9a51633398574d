// The entries of a GGUF file. Only those that are asked for are built: the vocabulary of a language
// model has hundreds of thousands of texts.

/// The places of the values by their keys.
struct GGUFEntries {
    private struct Entry {
        let type: UInt32
        /// Type of an array's elements, and their number; 1 for another value.
        let elements: UInt32
        let count: Int
        /// The bytes of the value, without an array's header.
        let range: Range<Int>
    }

    private enum ValueType {
        static let uint8: UInt32 = 0
        static let uint32: UInt32 = 4
        static let int32: UInt32 = 5
        static let text: UInt32 = 8
        static let array: UInt32 = 9
        static let uint64: UInt32 = 10
        static let int64: UInt32 = 11

        /// Bytes of a number or a truth value.
        static func bytes(_ type: UInt32) -> Int? {
            switch type {
            case 0, 1, 7: 1
            case 2, 3: 2
            case 4, 5, 6: 4
            case 10, 11, 12: 8
            default: nil
            }
        }
    }

    private let file: FileBytes
    private var entries: [String: Entry] = [:]

    /// Reads the number of entries, and skips their values.
    init(_ cursor: inout ByteCursor) throws(FormatFailure) {
        file = cursor.file
        let count = try cursor.littleEndian(UInt64.self, "the number of entries")
        var read: UInt64 = 0
        while read < count {
            let start = cursor.position
            let key = try GGUF.text(&cursor, "a key")
            let type = try cursor.littleEndian(UInt32.self, "the type of \(key.quoted)")
            let entry = try Self.entry(type, key, &cursor)
            guard entries.updateValue(entry, forKey: key) == nil else {
                throw FormatFailure("the key \(key.quoted) appears twice", at: start)
            }
            guard entries.count <= JSONCursor.keyLimit else {
                throw cursor.failure("more than \(JSONCursor.keyLimit) entries")
            }
            read += 1
        }
    }

    private static func entry(
        _ type: UInt32, _ key: String, _ cursor: inout ByteCursor
    ) throws(FormatFailure) -> Entry {
        var (elements, count) = (type, 1)
        if type == ValueType.array {
            elements = try cursor.littleEndian(UInt32.self, "the type of \(key.quoted)")
            let stated = try cursor.littleEndian(UInt64.self, "the number of \(key.quoted)")
            guard stated <= cursor.remainingBytes else {
                throw cursor.failure("\(key.quoted) can't have \(stated) elements")
            }
            count = Int(stated)
        }
        let start = cursor.position
        if let bytes = ValueType.bytes(elements) {
            // No overflow: at most eight times the file's size.
            _ = try cursor.take(count * bytes, key.quoted)
        } else if elements == ValueType.text {
            for _ in 0..<count {
                let length = try cursor.littleEndian(UInt64.self, "a text of \(key.quoted)")
                guard let bytes = Int(exactly: length) else {
                    throw cursor.failure("a text of \(key.quoted) has \(length) bytes")
                }
                _ = try cursor.take(bytes, "a text of \(key.quoted)")
            }
        } else {
            throw cursor.failure("\(key.quoted) has the unknown type \(elements)")
        }
        return Entry(
            type: type, elements: elements, count: count, range: start..<cursor.position)
    }

    // MARK: - Values

    /// The value of a key; nil without the key.
    ///
    /// - Throws: `FormatFailure` if the value has another type.
    private func entry(
        _ key: String, _ type: UInt32, of elements: UInt32
    ) throws(FormatFailure) -> Entry? {
        guard let entry = entries[key] else { return nil }
        guard entry.type == type, entry.elements == elements else {
            throw FormatFailure(
                "\(key.quoted) has the type \(entry.type) of \(entry.elements), expected \(type) of "
                    + "\(elements)", at: entry.range.lowerBound)
        }
        return entry
    }

    func text(_ key: String) throws(FormatFailure) -> String? {
        guard let entry = try entry(key, ValueType.text, of: ValueType.text) else { return nil }
        var cursor = ByteCursor(file, entry.range)
        return try GGUF.text(&cursor, key.quoted)
    }

    func texts(_ key: String) throws(FormatFailure) -> [String]? {
        guard let entry = try entry(key, ValueType.array, of: ValueType.text) else { return nil }
        var cursor = ByteCursor(file, entry.range)
        var texts: [String] = []
        for _ in 0..<entry.count { texts.append(try GGUF.text(&cursor, key.quoted)) }
        return texts
    }

    /// The whole numbers of an array.
    private func numbers<Number: FixedWidthInteger>(
        _ key: String, _ type: Number.Type, _ elements: UInt32
    ) throws(FormatFailure) -> [Int]? {
        guard let entry = try entry(key, ValueType.array, of: elements) else { return nil }
        var cursor = ByteCursor(file, entry.range)
        var numbers: [Int] = []
        for _ in 0..<entry.count {
            let number = try cursor.littleEndian(type, key.quoted)
            guard let value = Int(exactly: number) else {
                throw cursor.failure("\(key.quoted) has the number \(number)")
            }
            numbers.append(value)
        }
        return numbers
    }

    /// A multiple of this follows the headers and each tensor.
    func alignment() throws(FormatFailure) -> Int {
        let key = "general.alignment"
        guard let entry = try entry(key, ValueType.uint32, of: ValueType.uint32) else { return 32 }
        let value = file.littleEndian(UInt32.self, at: entry.range.lowerBound)
        guard (1...65_536).contains(value) else {
            throw FormatFailure(
                "\(key.quoted) is \(value), expected 1 to 65536", at: entry.range.lowerBound)
        }
        return Int(value)
    }

    /// The tensors' shapes; nil if the file has those of their headers alone.
    func shapes(ofTensors count: Int) throws(FormatFailure) -> [[Int]]? {
        guard
            let ranks = try numbers("audiocpp.tensor_ranks", Int32.self, ValueType.int32),
            let sizes = try numbers("audiocpp.tensor_shapes", Int64.self, ValueType.int64)
        else { return nil }
        var shapes: [[Int]] = []
        var rest = sizes[...]
        for rank in ranks {
            guard (0...CheckpointContents.rankLimit).contains(rank), rank <= rest.count else {
                break
            }
            shapes.append(Array(rest.prefix(rank)))
            rest = rest.dropFirst(rank)
        }
        guard shapes.count == count, rest.isEmpty else {
            throw FormatFailure(
                unsupported: "its audiocpp.tensor_ranks and tensor_shapes don't describe \(count) "
                    + "tensors")
        }
        return shapes
    }

    /// The embedded `config.json`; nil without one.
    func configuration() throws(FormatFailure) -> ArgumentValue? {
        let key = "audiocpp.embedded_files"
        guard let names = try texts(key + ".names"),
            let offsets = try numbers(key + ".offsets", UInt64.self, ValueType.uint64),
            let data = try entry(key + ".data", ValueType.array, of: ValueType.uint8)
        else { return nil }
        let found = names.indices.filter {
            names[$0] == "config.json" || names[$0].hasSuffix("/config.json")
        }
        guard let index = found.first else { return nil }
        guard found.count == 1, offsets.count == names.count + 1,
            offsets[index] <= offsets[index + 1], offsets[index + 1] <= data.count
        else {
            throw FormatFailure("\(key.quoted) is not consistent", at: data.range.lowerBound)
        }
        let start = data.range.lowerBound + offsets[index]
        let bytes = file.withBytes(start..<data.range.lowerBound + offsets[index + 1]) {
            [UInt8]($0)
        }
        var cursor = JSONCursor(bytes, at: start)
        let value = try cursor.value()
        try cursor.end()
        return value
    }
}

extension ModelArguments {
    /// The class and the arguments in audio.cpp's `config.json`.
    ///
    /// - Throws: `FormatFailure` for a model of another kind.
    init(ofAudioCpp config: ArgumentValue) throws(FormatFailure) {
        guard case .object(let members) = config else {
            throw FormatFailure(unsupported: "its config.json is no object")
        }
        switch members["model_type"] {
        case .string("demucs"): self = try .demucs(members)
        case .string("mel_band_roformer"): self = .melBandRoFormer(members)
        case let found:
            throw FormatFailure(
                unsupported:
                    "its config.json has the model_type \(found ?? .null), expected demucs "
                    + "or mel_band_roformer")
        }
    }

    /// The official arguments, and the name of the class without its module.
    private static func demucs(
        _ config: [String: ArgumentValue]
    ) throws(FormatFailure) -> ModelArguments {
        let modules = ["HTDemucs": "htdemucs", "HDemucs": "hdemucs", "Demucs": "demucs"]
        guard case .string(let name) = config["class_name"], let module = modules[name],
            case .object(var keyword) = config["kwargs"]
        else {
            throw FormatFailure(
                unsupported: "its config.json lacks kwargs, or a class_name among "
                    + modules.keys.sorted().joined(separator: ", "))
        }
        var positional: [ArgumentValue] = []
        if case .array(let values) = config["args"] { positional = values }
        if positional.isEmpty {
            for key in ["sources", "samplerate", "audio_channels", "segment"]
            where keyword[key] == nil {
                if let value = config[key], value != .null { keyword[key] = value }
            }
        }
        return ModelArguments(
            className: "demucs.\(module).\(name)", positional: positional,
            keyword: keyword)
    }

    /// Sections as a YAML file has them. audio.cpp runs stereo models of vocals.
    private static func melBandRoFormer(_ config: [String: ArgumentValue]) -> ModelArguments {
        let same = [
            "dim", "depth", "num_bands", "num_stems", "time_transformer_depth",
            "freq_transformer_depth", "dim_head", "heads", "stft_normalized",
            "mask_estimator_depth", "mlp_expansion_factor", "sample_rate",
        ]
        let renamed = [
            ("n_fft", "stft_n_fft"), ("hop_length", "stft_hop_length"),
            ("win_length", "stft_win_length"),
        ]
        // The defaults of audio.cpp, where they are not those of the class.
        var model: [String: ArgumentValue] = [
            "stereo": .bool(true), "time_transformer_depth": .integer(1),
            "freq_transformer_depth": .integer(1),
        ]
        for (key, argument) in same.map({ ($0, $0) }) + renamed {
            if let value = config[key] { model[argument] = value }
        }
        var audio: [String: ArgumentValue] = [:]
        var inference: [String: ArgumentValue] = [:]
        for key in ["chunk_size", "sample_rate"] { audio[key] = config[key] }
        inference["num_overlap"] = config["num_overlap"]
        return ModelArguments(
            className: "mel_band_roformer.MelBandRoformer", positional: [],
            keyword: [
                "model": .object(model), "audio": .object(audio), "inference": .object(inference),
                "training": .object([
                    "instruments": .array([.string("vocals"), .string("other")]),
                    "target_instrument": .string("vocals"),
                ]),
            ])
    }
}
