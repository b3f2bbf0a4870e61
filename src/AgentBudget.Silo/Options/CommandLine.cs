using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;

namespace AgentBudget.Silo.Options;

/// <summary>What the command lines of processes have in common.</summary>
internal static class CommandLine
{
    /// <summary>What a terminal has at least.</summary>
    private const int HelpColumns = 80;

    /// <summary>The option of a setting: a text, or a flag where its value has no name.</summary>
    internal static Option OptionOf(string name, string? helpName, string description)
    {
        Option option = helpName is null ? new Option<bool>(name) : new Option<string>(name) { HelpName = helpName };
        option.Description = description;
        return option;
    }

    /// <summary>What the line says for settings, by key; nothing for those that it does not name.</summary>
    internal static IEnumerable<KeyValuePair<string, string?>> Written(
        ParseResult parsed, IEnumerable<(string Key, Option Option)> settings)
    {
        foreach ((string key, Option option) in settings)
        {
            if (parsed.GetResult(option) is not { Implicit: false }) continue;
            yield return new(key, option is Option<string> text
                ? parsed.GetValue(text)
                : parsed.GetValue((Option<bool>)option) ? "true" : "false");
        }
    }

    /// <summary>Runs what the arguments ask for; a wrong one ends in a sentence and the code of wrong usage.</summary>
    internal static async Task<int> InvokeAsync(
        RootCommand root, string[] arguments, TextWriter output, TextWriter errors, int usageCode)
    {
        if (root.Options.OfType<HelpOption>().Single().Action is HelpAction help) help.MaxWidth = HelpColumns;
        ParseResult parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (ParseError error in parsed.Errors) await errors.WriteLineAsync(error.Message);
            return usageCode;
        }

        try
        {
            // The process drains on signals by itself, and takes longer than a command would.
            InvocationConfiguration configuration = new()
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
                Output = output,
            };
            return await parsed.InvokeAsync(configuration);
        }
        catch (OptionsException fault)
        {
            await errors.WriteLineAsync(fault.Message);
            return usageCode;
        }
    }
}
