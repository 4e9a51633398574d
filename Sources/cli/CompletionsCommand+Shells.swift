// The completion scripts, made from the option tables.

enum BashCompletions {
    static var text: String {
        let commands = Command.all
        let names = commands.dropFirst().map(\.name)
        let values = commands.flatMap { command in
            command.options.filter { $0.placeholder != nil }.map { value(of: $0, in: command) }
        }
        let operands = commands.map { command in
            let options = command.options.flatMap(ShellText.forms).joined(separator: " ")
            return """
                        \(command.name))
                            options=\(ShellText.quoted(options))
                            \(action(command.operandCompletion)) ;;
                """
        }
        return """
            \(ShellText.origin("bash"))

            _swift_demucs() {
                local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
                local command=\(commands[0].name) options='' words='' kind='file' index
                # Bash splits '--option=value' into three words.
                if [[ $current == = ]]; then
                    current=''
                elif [[ $previous == = ]] && ((COMP_CWORD > 2)); then
                    previous=${COMP_WORDS[COMP_CWORD-2]}
                fi
                if ((COMP_CWORD > 1)); then
                    case ${COMP_WORDS[1]} in
                        \(names.joined(separator: " | "))) command=${COMP_WORDS[1]} ;;
                    esac
                fi
                # After '--' come only operands, which bash itself completes as files.
                for ((index = 1; index < COMP_CWORD; index++)); do
                    [[ ${COMP_WORDS[index]} == -- ]] && return
                done
                case "$command $previous" in
            \(values.joined(separator: "\n"))
                    *)
                        case $command in
            \(operands.joined(separator: "\n"))
                        esac
                        if ((COMP_CWORD == 1)); then words+=\(ShellText.quoted(" " + names.joined(separator: " "))); fi
                        if [[ $current == -* ]]; then words=$options; fi ;;
                esac
                if [[ $kind == folder ]]; then
                    compopt -o dirnames +o default +o bashdefault 2>/dev/null
                    return
                fi
                # If no word matches, bash completes files.
                [[ $kind == nothing ]] && compopt +o default +o bashdefault 2>/dev/null
                [[ -n $words ]] && mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
            }

            complete -o bashdefault -o default -F _swift_demucs \(ShellText.program)
            """
    }

    private static func value(of option: Option, in command: Command) -> String {
        let patterns = ShellText.forms(option).map { ShellText.quoted("\(command.name) \($0)") }
        return "        \(patterns.joined(separator: " | "))) \(action(option.completion)) ;;"
    }

    /// Shell code that sets the variables that the end of the function reads.
    private static func action(_ completion: Option.Completion) -> String {
        switch completion {
        case .nothing: "kind='nothing'"
        case .file: "kind='file'"
        case .folder: "kind='folder'"
        case .words(let words):
            "kind='nothing' words=\(ShellText.quoted(words.joined(separator: " ")))"
        case .wordsOrFile(let words):
            "kind='file' words=\(ShellText.quoted(words.joined(separator: " ")))"
        case .commands: action(.words(Command.all.map(\.name)))
        }
    }
}

enum ZshCompletions {
    static var text: String {
        let commands = Command.all
        let others = commands.dropFirst()
        let described = others.map { other in
            "        " + ShellText.quoted("\(other.name):\(ShellText.summary(other.overview))")
        }
        return """
            #compdef \(ShellText.program)
            \(ShellText.origin("zsh"))

            _swift_demucs_commands() {
                local -a commands=(
            \(described.joined(separator: "\n"))
                )
                _describe -t commands command commands
            }

            _swift_demucs() {
                local command=\(commands[0].name)
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

    private static func arguments(_ command: Command) -> String {
        var specifications = command.options.map(specification)
        let offers = action(command.operandCompletion)
        if command.isDefault {
            specifications.append(
                ShellText.quoted("1:\(command.operandNames):{_swift_demucs_commands; \(offers)}"))
        }
        if !command.operand.isEmpty {
            specifications.append(ShellText.quoted("*:\(command.operandNames):\(offers)"))
        }
        return """
                    (\(command.name))
                        _arguments -s -S : \\
                            \(specifications.joined(separator: " \\\n                ")) ;;
            """
    }

    /// `'*'{-n+,--name=}'[The model]:model:_files'`. The asterisk: any option may be repeated.
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
        case .commands: "_swift_demucs_commands"
        }
    }
}

enum FishCompletions {
    static var text: String {
        let commands = Command.all
        let others = commands.dropFirst()
        let names = others.map(\.name).joined(separator: " ")
        var lines = [
            ShellText.origin("fish"), "",
            "function __swift_demucs_runs",
            "    set -l words (commandline -opc)",
            "    set -l command \(commands[0].name)",
            "    if set -q words[2]; and contains -- $words[2] \(names)",
            "        set command $words[2]",
            "    end",
            "    test $command = $argv[1]",
            "end", "",
        ]
        for other in others {
            lines.append(
                "complete -c \(ShellText.program) -n 'test (count (commandline -opc)) -eq 1' "
                    + "-a \(other.name) -d \(quoted(ShellText.summary(other.overview)))")
        }
        for command in commands {
            lines.append("")
            let start = "complete -c \(ShellText.program) -n '__swift_demucs_runs \(command.name)'"
            if let offers = values(command.operandCompletion, isOperand: true) {
                lines.append("\(start) \(offers)")
            } else if command.operand.isEmpty {
                lines.append("\(start) -f")
            }
            for option in command.options {
                var line = start
                if let short = option.short { line += " -s \(short)" }
                line += " -l \(option.name)"
                if option.placeholder != nil {
                    line += " " + (values(option.completion, isOperand: false) ?? "-r")
                }
                lines.append("\(line) -d \(quoted(ShellText.summary(option.help)))")
            }
        }
        return lines.joined(separator: "\n")
    }

    /// - Returns: nil for files, which fish offers by default.
    private static func values(_ completion: Option.Completion, isOperand: Bool) -> String? {
        let exclusive = isOperand ? "-f" : "-x"
        switch completion {
        case .nothing: return exclusive
        case .file: return nil
        case .folder: return "\(exclusive) -a '(__fish_complete_directories)'"
        case .words(let words): return "\(exclusive) -a \(quoted(words.joined(separator: " ")))"
        case .wordsOrFile(let words):
            let offered = "-a \(quoted(words.joined(separator: " ")))"
            return isOperand ? offered : "-r -F \(offered)"
        case .commands: return values(.words(Command.all.map(\.name)), isOperand: isOperand)
        }
    }

    /// The text in single quotes, in which fish has two escapes.
    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }
}
