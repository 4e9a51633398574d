// From a checkpoint's constructor arguments to a configuration.

import WeightsLoader

extension Configuration {
    /// Reads the configuration that a checkpoint describes or, where it describes none, implies.
    ///
    /// - Parameter overriding: arguments under the reference's names that replace the file's.
    /// - Returns: the configuration, and a line of warning for each argument that the reference's
    ///   class doesn't have; it drops these as well.
    /// - Throws: ``WeightsError`` if the metadata can't be used, ``ConfigurationError`` if an
    ///   argument can't be honoured.
    package static func read(
        from checkpoint: Checkpoint, overriding: [String: ArgumentValue] = [:]
    ) throws -> (configuration: Configuration, warnings: [String]) {
        try read(arguments(of: checkpoint, overriding: overriding))
    }

    /// Reads the configuration from the arguments of the class's constructor.
    ///
    /// - Returns: as ``read(from:overriding:)``.
    /// - Throws: ``ConfigurationError``.
    package static func read(
        _ arguments: ModelArguments
    ) throws -> (configuration: Configuration, warnings: [String]) {
        let table = try ArgumentTable(arguments)
        try table.refuseUnbuilt()
        let configuration = try Configuration(table.hyperparameters())
        let warnings = table.unknown.map {
            "unknown argument \($0) of the model's class; ignored, as the reference does"
        }
        return (configuration, warnings)
    }
}

extension Configuration {
    /// `HTDemucs.__init__`'s parameters in order, for positional arguments.
    static let argumentOrder = [
        "sources",
        "audio_channels", "channels", "channels_time", "growth",
        "nfft", "wiener_iters", "end_iters", "wiener_residual", "cac",
        "depth", "rewrite",
        "multi_freqs", "multi_freqs_depth", "freq_emb", "emb_scale", "emb_smooth",
        "kernel_size", "time_stride", "stride", "context", "context_enc",
        "norm_starts", "norm_groups",
        "dconv_mode", "dconv_depth", "dconv_comp", "dconv_init",
        "bottom_channels",
        "t_layers", "t_emb", "t_hidden_scale", "t_heads", "t_dropout", "t_max_positions",
        "t_norm_in", "t_norm_in_group", "t_group_norm", "t_norm_first", "t_norm_out",
        "t_max_period", "t_weight_decay", "t_lr", "t_layer_scale", "t_gelu",
        "t_weight_pos_embed", "t_sin_random_shift",
        "t_cape_mean_normalize", "t_cape_augment", "t_cape_glob_loc_scale",
        "t_sparse_self_attn", "t_sparse_cross_attn", "t_mask_type", "t_mask_random_seed",
        "t_sparse_attn_window", "t_global_window", "t_sparsity", "t_auto_sparsity",
        "t_cross_first",
        "rescale",
        "samplerate", "segment", "use_train_segment",
    ]
}

/// The arguments by the reference's names.
private struct ArgumentTable {
    /// Names that the class doesn't have, sorted.
    let unknown: [String]
    private var values: [String: ArgumentValue]

    init(_ arguments: ModelArguments) throws {
        guard arguments.positional.count <= Configuration.argumentOrder.count else {
            throw ConfigurationError.tooManyPositional(
                found: arguments.positional.count, allowed: Configuration.argumentOrder.count)
        }
        values = arguments.keyword
        for (key, value) in zip(Configuration.argumentOrder, arguments.positional) {
            guard values.updateValue(value, forKey: key) == nil else {
                throw ConfigurationError.givenTwice(key: key)
            }
        }
        unknown = values.keys.filter { !Configuration.argumentOrder.contains($0) }.sorted()
    }

    /// Options supported at their default alone. Their details (the Wiener filter's iterations,
    /// those of cape, masks and sparsity, `multi_freqs_depth`) are ignored, and so are options that
    /// only training uses.
    func refuseUnbuilt() throws {
        let unbuilt: [(key: String, default: ArgumentValue)] = [
            ("channels_time", .null),
            ("cac", .bool(true)),
            ("rewrite", .bool(true)),
            ("multi_freqs", .null),
            ("t_emb", .string("sin")),
            ("t_norm_in", .bool(true)),
            ("t_norm_in_group", .bool(false)),
            ("t_group_norm", .bool(false)),
            ("t_norm_first", .bool(true)),
            ("t_norm_out", .bool(true)),
            ("t_layer_scale", .bool(true)),
            ("t_gelu", .bool(true)),
            ("t_sin_random_shift", .integer(0)),
            ("t_sparse_self_attn", .bool(false)),
            ("t_sparse_cross_attn", .bool(false)),
            ("t_auto_sparsity", .bool(false)),
        ]
        for (key, standard) in unbuilt {
            guard let value = values[key], !Self.equalInPython(value, standard) else { continue }
            // An empty list splits no frequencies either.
            if key == "multi_freqs", value == .array([]) { continue }
            throw ConfigurationError.unsupported(
                key: key, found: value.description, supported: "\(key) = \(standard)")
        }
    }

    func hyperparameters() throws -> Configuration.Hyperparameters {
        var result = Configuration.Hyperparameters(sources: try sources())
        for parameter in Configuration.Hyperparameters.integers {
            try integer(parameter.key, &result[keyPath: parameter.path])
        }
        for parameter in Configuration.Hyperparameters.numbers {
            try number(parameter.key, &result[keyPath: parameter.path])
        }
        try bool("t_cross_first", &result.tCrossFirst)
        try segment(&result.segment)
        try bool("use_train_segment", &result.useTrainSegment)
        return result
    }

    // MARK: - Values by type

    private func sources() throws -> [String] {
        guard let value = values["sources"] else {
            throw ConfigurationError.missing(key: "sources")
        }
        guard case .array(let elements) = value else {
            throw wrongType("sources", value, "a list of names")
        }
        return try elements.map { element in
            guard case .string(let name) = element else {
                throw wrongType("sources", value, "a list of names")
            }
            return name
        }
    }

    private func integer(_ key: String, _ target: inout Int) throws {
        guard let value = values[key] else { return }
        guard case .integer(let integer) = value else {
            throw wrongType(key, value, "a whole number")
        }
        target = integer
    }

    private func number(_ key: String, _ target: inout Double) throws {
        switch values[key] {
        case nil: return
        case .integer(let integer): target = Double(integer)
        case .number(let number): target = number
        // None and False switch the frequency embedding off, as 0 does.
        case .null where key == "freq_emb", .bool(false) where key == "freq_emb": target = 0
        case .some(let value): throw wrongType(key, value, "a number")
        }
    }

    private func bool(_ key: String, _ target: inout Bool) throws {
        guard let value = values[key] else { return }
        guard case .bool(let bool) = value else { throw wrongType(key, value, "True or False") }
        target = bool
    }

    private func segment(_ target: inout Configuration.Segment) throws {
        switch values["segment"] {
        case nil: return
        case .integer(let seconds): target = .fraction(numerator: seconds, denominator: 1)
        case .fraction(let numerator, let denominator):
            target = .fraction(numerator: numerator, denominator: denominator)
        case .number(let seconds): target = .float(seconds)
        case .some(let value): throw wrongType("segment", value, "a number or a fraction")
        }
    }

    private func wrongType(
        _ key: String, _ value: ArgumentValue, _ expected: String
    ) -> ConfigurationError {
        .wrongType(key: key, found: value.description, expected: expected)
    }

    /// Python's `==` for the types of the defaults: True equals 1, and 0 equals 0.0.
    private static func equalInPython(_ left: ArgumentValue, _ right: ArgumentValue) -> Bool {
        if let left = number(left), let right = number(right) { return left == right }
        return left == right
    }

    private static func number(_ value: ArgumentValue) -> Double? {
        switch value {
        case .bool(let bool): bool ? 1 : 0
        case .integer(let integer): Double(integer)
        case .number(let number): number
        default: nil
        }
    }
}
