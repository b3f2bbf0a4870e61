using System.CommandLine;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Options that reports have in common.</summary>
internal sealed class ReportArguments
{
    private readonly string[] _known;
    private readonly bool _withCalls;

    private readonly Option<string?> _from =
        Arguments.Filter("--from", "First instant: 2026-11-01, or with a time. Default: the beginning.", "TIME");

    private readonly Option<string?> _to =
        Arguments.Filter("--to", "The instant after the last. Default: now.", "TIME");

    private readonly Option<string[]> _groupBy;
    private readonly Option<string?> _unit = Arguments.Filter("--business-unit", "Only this business unit's.", "UNIT");
    private readonly Option<string?> _useCase = Arguments.Filter("--use-case", "Only this use case's.", "USE-CASE");
    private readonly Option<string?> _agent = Arguments.Filter("--agent", "Only this agent's.", "AGENT");
    private readonly Option<string?> _session = Arguments.Filter("--session", "Only this session's.", "SESSION");
    private readonly Option<string?> _model = Arguments.Filter("--model", "Only of this model.", "MODEL");
    private readonly Option<string?> _tool = Arguments.Filter("--tool", "Only of this tool.", "TOOL");
    private readonly Option<string?> _sku = Arguments.Filter("--sku", "Only of this SKU.", "SKU");

    public ReportArguments(string[] groups, string[] known, bool withCalls)
    {
        _known = known;
        _withCalls = withCalls;
        _groupBy = new Option<string[]>("--group-by")
        {
            Description = $"What a row is: any of {string.Join(", ", known)}, separated by commas. '' for one total.",
            HelpName = "GROUPS",
            DefaultValueFactory = _ => groups,
        };
    }

    public Command AddTo(Command command)
    {
        command.Add(_from);
        command.Add(_to);
        if (_known.Length == 0) return command;
        command.Add(_groupBy);
        foreach (Option option in (Option[])[_unit, _useCase, _agent, _session]) command.Add(option);
        if (!_withCalls) return command;
        foreach (Option option in (Option[])[_model, _tool, _sku]) command.Add(option);
        return command;
    }

    public string[] GroupsOf(CliCall call)
    {
        string[] groups = [.. (call.Get(_groupBy) ?? [])
            .SelectMany(text => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            .Select(text => text.Replace('-', '_'))];
        foreach (string group in groups)
        {
            if (!_known.Contains(group))
                throw CliException.Usage($"--group-by {group} is none of {string.Join(", ", _known)}.");
        }

        return groups;
    }

    public ReportPeriod PeriodOf(CliCall call) => new()
    {
        StartTime = call.Get(_from) is { } from ? Arguments.TimeOf("--from", from) : null,
        EndTime = call.Get(_to) is { } to ? Arguments.TimeOf("--to", to) : null,
    };

    public ReportFilter FilterOf(CliCall call)
    {
        ReportFilter filter = new()
        {
            BusinessUnit = Arguments.Named("businessUnits", call.Get(_unit) ?? ""),
            UseCase = Arguments.Named("useCases", call.Get(_useCase) ?? ""),
            Agent = Arguments.Named("agents", call.Get(_agent) ?? ""),
            Session = Arguments.Named("sessions", call.Get(_session) ?? ""),
        };
        if (!_withCalls) return filter;
        filter.Model = call.Get(_model) ?? "";
        filter.Tool = call.Get(_tool) ?? "";
        filter.Sku = call.Get(_sku) ?? "";
        return filter;
    }
}
