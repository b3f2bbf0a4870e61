using AgentBudget.Api.Errors;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using AgentBudget.Runtime;
using Google.Rpc;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Tests.Errors;

public sealed class ErrorMapTests
{
    private static readonly Dictionary<Outcome, (RpcStatusCode Code, string Reason)> Outcomes = new()
    {
        [Outcome.KeyReused] = (RpcStatusCode.AlreadyExists, "KEY_REUSED"),
        [Outcome.TenantNotFound] = (RpcStatusCode.NotFound, "TENANT_NOT_FOUND"),
        [Outcome.SessionNotFound] = (RpcStatusCode.NotFound, "SESSION_NOT_FOUND"),
        [Outcome.ReservationNotFound] = (RpcStatusCode.NotFound, "RESERVATION_NOT_FOUND"),
        [Outcome.GrainNotFound] = (RpcStatusCode.NotFound, "GRAIN_NOT_FOUND"),
        [Outcome.AgentNotFound] = (RpcStatusCode.NotFound, "GRAIN_NOT_FOUND"),
        [Outcome.UseCaseNotFound] = (RpcStatusCode.NotFound, "GRAIN_NOT_FOUND"),
        [Outcome.CredentialNotFound] = (RpcStatusCode.NotFound, "CREDENTIAL_NOT_FOUND"),
        [Outcome.AgentNotActive] = (RpcStatusCode.FailedPrecondition, "AGENT_NOT_ACTIVE"),
        [Outcome.ReservationTerminal] = (RpcStatusCode.FailedPrecondition, "RESERVATION_TERMINAL"),
        [Outcome.SessionNotOpen] = (RpcStatusCode.FailedPrecondition, "SESSION_NOT_OPEN"),
        [Outcome.UseCaseOutOfScope] = (RpcStatusCode.PermissionDenied, "SCOPE_EXCEEDED"),
        [Outcome.ToolOutOfScope] = (RpcStatusCode.PermissionDenied, "SCOPE_EXCEEDED"),
        [Outcome.ModelOutOfScope] = (RpcStatusCode.PermissionDenied, "SCOPE_EXCEEDED"),
        [Outcome.ModelMissing] = (RpcStatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.EstimateIncomplete] = (RpcStatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.TagInvalid] = (RpcStatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.CurrencyInvalid] = (RpcStatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.NoBudget] = (RpcStatusCode.FailedPrecondition, "NO_BUDGET"),
        [Outcome.TimeInvalid] = (RpcStatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.CatalogInvalid] = (RpcStatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.CatalogInUse] = (RpcStatusCode.FailedPrecondition, "CATALOG_IN_USE"),
        [Outcome.AmountOverflow] = (RpcStatusCode.OutOfRange, "AMOUNT_OVERFLOW"),
        [Outcome.BoundReached] = (RpcStatusCode.ResourceExhausted, "BOUND_REACHED"),
        [Outcome.UserOutOfScope] = (RpcStatusCode.PermissionDenied, "SCOPE_EXCEEDED"),
        [Outcome.SessionSuspended] = (RpcStatusCode.FailedPrecondition, "SESSION_SUSPENDED"),
        [Outcome.SessionNotSuspended] = (RpcStatusCode.FailedPrecondition, "SESSION_NOT_SUSPENDED"),
        [Outcome.RunCeilingReached] = (RpcStatusCode.ResourceExhausted, "RUN_CEILING"),
    };

    private static readonly Dictionary<TenantFault, (RpcStatusCode Code, string Reason, bool IsRetried)> Faults = new()
    {
        [TenantFault.NotReady] = (RpcStatusCode.Unavailable, "NOT_READY", true),
        [TenantFault.Busy] = (RpcStatusCode.ResourceExhausted, "BOUND_REACHED", true),
        [TenantFault.OutcomeUnknown] = (RpcStatusCode.Unavailable, "OUTCOME_UNKNOWN", true),
        [TenantFault.StoreFull] = (RpcStatusCode.Unavailable, "STORE_FULL", false),
        [TenantFault.JournalDamaged] = (RpcStatusCode.DataLoss, "JOURNAL_DAMAGED", false),
        [TenantFault.Defect] = (RpcStatusCode.Internal, "INTERNAL", false),
    };

    public static TheoryData<Outcome> EveryOutcome() =>
        [.. Enum.GetValues<Outcome>().Where(value => value != Outcome.Done)];

    public static TheoryData<TenantFault> EveryFault() => [.. Enum.GetValues<TenantFault>()];

    [Theory]
    [MemberData(nameof(EveryOutcome))]
    public void An_outcome_has_its_status_and_reason(Outcome outcome)
    {
        RpcException error = ErrorMap.Of(outcome);

        ErrorInfo info = error.GetDetail<ErrorInfo>()!;
        Assert.Equal(Outcomes[outcome], (error.StatusCode, ReasonOf(info)));
        Assert.Equal("agentbudget", info.Domain);
        Assert.NotEmpty(error.Status.Message);
    }

    [Theory]
    [MemberData(nameof(EveryFault))]
    public void A_fault_of_a_tenant_has_its_status_reason_and_retry(TenantFault fault)
    {
        RpcException error = ErrorMap.Of(new TenantException(fault, "group 7 of acme has a wrong hash"));

        (RpcStatusCode code, string reason, bool isRetried) = Faults[fault];
        Assert.Equal((code, reason), (error.StatusCode, ReasonOf(error.GetDetail<ErrorInfo>()!)));
        Assert.Equal(isRetried, error.GetDetail<RetryInfo>() is not null);
        bool saysWhere = error.Status.Message.Contains("group 7", StringComparison.Ordinal);
        Assert.Equal(fault == TenantFault.JournalDamaged, saysWhere);
    }

    [Fact]
    public void Named_faults_reach_the_caller_in_message_and_details()
    {
        List<Fault> faults =
            [new("tags[feature]", "is not declared"), new("tags[environment]", "may be prod or staging.")];

        RpcException error = ErrorMap.Of(Outcome.TagInvalid, faults);

        Assert.Equal(
            "The request is not valid. tags[feature]: is not declared; tags[environment]: may be prod or staging.",
            error.Status.Message);
        Assert.Equal(
            ["tags[feature]", "tags[environment]"],
            error.GetDetail<BadRequest>()!.FieldViolations.Select(violation => violation.Field));
    }

    [Fact]
    public void A_long_list_of_faults_is_cut_in_the_message_and_whole_in_the_details()
    {
        List<Fault> faults = [.. Enumerable.Range(0, 50).Select(index => new Fault($"f{index}", "is wrong"))];

        RpcException error = ErrorMap.Of(Outcome.CatalogInvalid, faults);

        Assert.EndsWith("and 40 more.", error.Status.Message, StringComparison.Ordinal);
        Assert.Equal(50, error.GetDetail<BadRequest>()!.FieldViolations.Count);
    }

    [Fact]
    public void What_a_catalog_may_not_remove_is_named()
    {
        RpcException error =
            ErrorMap.Of(Outcome.CatalogInUse, [new Fault("agents/writer", "has 2 open sessions")]);

        PreconditionFailure.Types.Violation named = Assert.Single(error.GetDetail<PreconditionFailure>()!.Violations);
        Assert.Equal(("agents/writer", "has 2 open sessions"), (named.Subject, named.Description));
        Assert.Contains("agents/writer: has 2 open sessions", error.Status.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_reason_of_the_contract_has_a_name()
    {
        foreach (ErrorReason reason in Enum.GetValues<ErrorReason>())
            Assert.Matches("^[A-Z_]+$", ApiErrors.NameOf(reason));
    }

    [Fact]
    public void Every_reason_of_the_contract_is_documented_with_the_status_that_the_map_gives_it()
    {
        Dictionary<string, string> documented = DocumentedCodes();
        IEnumerable<(RpcStatusCode Code, string Reason)> mapped =
            [.. Outcomes.Values, .. Faults.Values.Select(fault => (fault.Code, fault.Reason))];
        foreach ((RpcStatusCode code, string reason) in mapped)
            Assert.Equal((reason, SnakeCase(code)), (reason, documented[reason]));
    }

    // Names as errors.proto has them, and the word in capitals that begins the comment above each.
    private static Dictionary<string, string> DocumentedCodes()
    {
        Dictionary<string, string> codes = [];
        string code = "";
        bool isAbove = false;
        foreach (string line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "errors.proto")))
        {
            string text = line.Trim();
            if (text.StartsWith("// ", StringComparison.Ordinal))
            {
                code = isAbove ? code : text[3..].Split(' ', '.')[0];
                isAbove = true;
                continue;
            }

            if (text.StartsWith("ERROR_REASON_", StringComparison.Ordinal))
                codes[text["ERROR_REASON_".Length..text.IndexOf(' ', StringComparison.Ordinal)]] = code;
            isAbove = false;
        }

        return codes;
    }

    private static string SnakeCase(RpcStatusCode code) => string.Concat(
        code.ToString().Select((letter, at) => at > 0 && char.IsUpper(letter) ? $"_{letter}" : $"{letter}"))
        .ToUpperInvariant();

    // The first field of the message, whatever it is called in the compiled class.
    private static string ReasonOf(ErrorInfo info) =>
        (string)ErrorInfo.Descriptor.FindFieldByNumber(1).Accessor.GetValue(info);
}
