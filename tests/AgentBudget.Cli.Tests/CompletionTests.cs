using AgentBudget.Cli.Tests.Support;

namespace AgentBudget.Cli.Tests;

/// <summary>Completion scripts in the shells that they are for. PowerShell's is looked at, not run.</summary>
public sealed class CompletionTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-completion-");

    public CompletionTests()
    {
        string program = Path.Combine(_folder.FullName, "agentbudget");
        File.WriteAllText(program, $"#!/bin/sh\nexec dotnet '{CliRun.Program}' \"$@\"\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Bash_completes_commands_and_options()
    {
        string completed = await InAsync("bash", """
            source <(agentbudget completion bash)
            try() { COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=($1) COMP_CWORD=$2; _agentbudget; echo "${COMPREPLY[@]}"; }
            try 'agentbudget bud' 1
            try 'agentbudget budgets ex' 2
            try 'agentbudget budgets extend --am' 3
            complete -p agentbudget
            """);

        Assert.Equal(
            "budgets\nextend\n--amount --amount-tokens\ncomplete -o default -F _agentbudget agentbudget\n", completed);
    }

    [Fact]
    public async Task Fish_completes_commands()
    {
        string completed = await InAsync("fish", """
            agentbudget completion fish | source
            complete -C 'agentbudget bud'
            complete -C 'agentbudget sessions tr'
            """);

        Assert.Equal("budgets\ntree\n", completed);
    }

    [Fact]
    public async Task Zsh_loads_its_script()
    {
        string loaded = await InAsync("zsh", """
            autoload -Uz compinit && compinit -u -D
            source <(agentbudget completion zsh)
            echo "${_comps[agentbudget]}"
            functions _agentbudget >/dev/null && echo defined
            """);

        Assert.Equal("_agentbudget\ndefined\n", loaded);
    }

    [Fact]
    public async Task Powershell_gets_a_native_completer()
    {
        using CliRun run = CliRun.Start(new Dictionary<string, string?>(), input: null, "completion", "pwsh");

        string script = (await run.EndAsync()).Done().Output;

        Assert.Contains(
            "Register-ArgumentCompleter -Native -CommandName agentbudget", script, StringComparison.Ordinal);
    }

    private async Task<string> InAsync(string shell, string script)
    {
        string file = Path.Combine(_folder.FullName, "script");
        await File.WriteAllTextAsync(file, script);
        (int exitCode, string output) = await Shell.RunAsync(
            "env", $"PATH={_folder.FullName}:{Environment.GetEnvironmentVariable("PATH")}", shell, file);
        Assert.True(exitCode == 0, output);
        return output;
    }
}
