// Completions for bash, without the bash-completion package.

enum BashCompletions {
    static var text: String {
        let commands = Command.all.map(\.definition)
        let names = commands.filter { !$0.isDefault }.map(\.name)
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
            # \(ShellText.origin("bash"))

            _swift_demucs() {
                local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
                local command=\(Command.all[0].definition.name) options='' words='' kind='file' index
                # Bash cuts '--option=value' into three words.
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
                # Behind '--' there are operands alone, which bash itself completes as files.
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
                # Where no word fits, bash completes files.
                [[ $kind == nothing ]] && compopt +o default +o bashdefault 2>/dev/null
                [[ -n $words ]] && mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
            }

            complete -o bashdefault -o default -F _swift_demucs \(ShellText.program)
            """
    }

    private static func value(of option: Option, in command: CommandDefinition) -> String {
        let patterns = ShellText.forms(option).map { ShellText.quoted("\(command.name) \($0)") }
        return "        \(patterns.joined(separator: " | "))) \(action(option.completion)) ;;"
    }

    /// Sets what the end of the function goes by.
    private static func action(_ completion: Option.Completion) -> String {
        switch completion {
        case .nothing: "kind='nothing'"
        case .file: "kind='file'"
        case .folder: "kind='folder'"
        case .words(let words):
            "kind='nothing' words=\(ShellText.quoted(words.joined(separator: " ")))"
        case .wordsOrFile(let words):
            "kind='file' words=\(ShellText.quoted(words.joined(separator: " ")))"
        }
    }
}
