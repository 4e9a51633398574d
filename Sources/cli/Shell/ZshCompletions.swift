// Completions for zsh, by its own _arguments.

enum ZshCompletions {
    static var text: String {
        let commands = Command.all.map(\.definition)
        let others = commands.filter { !$0.isDefault }
        let described = others.map { other in
            "        " + ShellText.quoted("\(other.name):\(ShellText.summary(other.overview))")
        }
        return """
            #compdef \(ShellText.program)
            # \(ShellText.origin("zsh"))

            _swift_demucs_commands() {
                local -a commands=(
            \(described.joined(separator: "\n"))
                )
                _describe -t commands command commands
            }

            _swift_demucs() {
                local command=\(Command.all[0].definition.name)
                if (( CURRENT > 2 )); then
                    case $words[2] in
                        (\(others.map(\.name).joined(separator: "|")))
                            command=$words[2]
                            shift words
                            (( CURRENT-- )) ;;
                    esac
                fi
                case $command in
            \(commands.map(arguments).joined(separator: "\n"))
                esac
            }

            if [[ $funcstack[1] == _swift_demucs ]]; then
                _swift_demucs "$@"
            else
                compdef _swift_demucs \(ShellText.program)
            fi
            """
    }

    private static func arguments(_ command: CommandDefinition) -> String {
        var specifications = command.options.map(specification)
        let offers = action(command.operandCompletion)
        if command.isDefault {
            specifications.append(
                ShellText.quoted("1:\(command.operand):{_swift_demucs_commands; \(offers)}"))
        }
        if !command.operand.isEmpty {
            specifications.append(ShellText.quoted("*:\(command.operand):\(offers)"))
        }
        return """
                    (\(command.name))
                        _arguments -s -S : \\
                            \(specifications.joined(separator: " \\\n                ")) ;;
            """
    }

    /// `'(-n --name)'{-n+,--name=}'[The model]:model:_files'`. Any option may be repeated: the last
    /// one counts, or all do.
    private static func specification(_ option: Option) -> String {
        let help = ShellText.summary(option.help)
            .replacing("\\", with: "\\\\").replacing("[", with: "\\[").replacing("]", with: "\\]")
            .replacing(":", with: "\\:")
        let value = option.placeholder.map {
            ":\($0.replacing(":", with: "\\:")):\(action(option.completion))"
        }
        let rest = ShellText.quoted("[\(help)]" + (value ?? ""))
        let long = option.placeholder == nil ? option.long : option.long + "="
        guard let short = option.short else { return "'*'\(long)\(rest)" }
        return "'*'{-\(short)\(option.placeholder == nil ? "" : "+"),\(long)}\(rest)"
    }

    private static func action(_ completion: Option.Completion) -> String {
        switch completion {
        case .nothing: " "
        case .file: "_files"
        case .folder: "_files -/"
        case .words(let words): "(\(words.joined(separator: " ")))"
        case .wordsOrFile(let words): "{compadd - \(words.joined(separator: " ")); _files}"
        }
    }
}
