using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Rpc;
using Grpc.Core;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Tests.Errors;

public sealed class ErrorMapTests
{
    private static readonly Dictionary<Outcome, (StatusCode Code, string Reason)> Outcomes = new()
    {
        [Outcome.KeyReused] = (StatusCode.AlreadyExists, "KEY_REUSED"),
        [Outcome.TenantNotFound] = (StatusCode.NotFound, "TENANT_NOT_FOUND"),
        [Outcome.SessionNotFound] = (StatusCode.NotFound, "SESSION_NOT_FOUND"),
        [Outcome.ReservationNotFound] = (StatusCode.NotFound, "RESERVATION_NOT_FOUND"),
        [Outcome.GrainNotFound] = (StatusCode.NotFound, "GRAIN_NOT_FOUND"),
        [Outcome.AgentNotFound] = (StatusCode.NotFound, "GRAIN_NOT_FOUND"),
        [Outcome.UseCaseNotFound] = (StatusCode.NotFound, "GRAIN_NOT_FOUND"),
        [Outcome.AgentNotDelegated] = (StatusCode.PermissionDenied, "SCOPE_EXCEEDED"),
        [Outcome.UseCaseNotDelegated] = (StatusCode.PermissionDenied, "SCOPE_EXCEEDED"),
        [Outcome.DisputeNotFound] = (StatusCode.NotFound, "DISPUTE_NOT_FOUND"),
        [Outcome.ExtensionRequestNotFound] = (StatusCode.NotFound, "EXTENSION_REQUEST_NOT_FOUND"),
        [Outcome.ExtensionRequestDecided] = (StatusCode.FailedPrecondition, "EXTENSION_REQUEST_DECIDED"),
        [Outcome.AmountKindInvalid] = (StatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.CredentialNotFound] = (StatusCode.NotFound, "CREDENTIAL_NOT_FOUND"),
        [Outcome.CredentialEnded] = (StatusCode.Unauthenticated, "CREDENTIAL_INVALID"),
        [Outcome.AgentNotActive] = (StatusCode.FailedPrecondition, "AGENT_NOT_ACTIVE"),
        [Outcome.ReservationTerminal] = (StatusCode.FailedPrecondition, "RESERVATION_TERMINAL"),
        [Outcome.SessionNotOpen] = (StatusCode.FailedPrecondition, "SESSION_NOT_OPEN"),
        [Outcome.UseCaseOutOfScope] = (StatusCode.PermissionDenied, "SCOPE_EXCEEDED"),
        [Outcome.ToolOutOfScope] = (StatusCode.PermissionDenied, "SCOPE_EXCEEDED"),
        [Outcome.ModelOutOfScope] = (StatusCode.PermissionDenied, "SCOPE_EXCEEDED"),
        [Outcome.ModelMissing] = (StatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.EstimateIncomplete] = (StatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.TagInvalid] = (StatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.CurrencyInvalid] = (StatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.NoBudget] = (StatusCode.FailedPrecondition, "NO_BUDGET"),
        [Outcome.TimeInvalid] = (StatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.CatalogInvalid] = (StatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.CatalogInUse] = (StatusCode.FailedPrecondition, "CATALOG_IN_USE"),
        [Outcome.AmountOverflow] = (StatusCode.OutOfRange, "AMOUNT_OVERFLOW"),
        [Outcome.BoundReached] = (StatusCode.ResourceExhausted, "BOUND_REACHED"),
        [Outcome.UserOutOfScope] = (StatusCode.PermissionDenied, "SCOPE_EXCEEDED"),
        [Outcome.SessionSuspended] = (StatusCode.FailedPrecondition, "SESSION_SUSPENDED"),
        [Outcome.SessionNotSuspended] = (StatusCode.FailedPrecondition, "SESSION_NOT_SUSPENDED"),
        [Outcome.AdjustmentTooLarge] = (StatusCode.FailedPrecondition, "ADJUSTMENT_TOO_LARGE"),
        [Outcome.PriceVersionNotFound] = (StatusCode.InvalidArgument, "INVALID_FIELD"),
        [Outcome.ReratingOutdated] = (StatusCode.Aborted, "RERATING_OUTDATED"),
        [Outcome.CatalogOutdated] = (StatusCode.Aborted, "CATALOG_OUTDATED"),
        [Outcome.RunCeilingReached] = (StatusCode.ResourceExhausted, "RUN_CEILING"),
    };

    private static readonly Dictionary<TenantFault, (StatusCode Code, string Reason, bool IsRetried)> Faults = new()
    {
        [TenantFault.NotReady] = (StatusCode.Unavailable, "NOT_READY", true),
        [TenantFault.Busy] = (StatusCode.ResourceExhausted, "BOUND_REACHED", true),
        [TenantFault.OutcomeUnknown] = (StatusCode.Unavailable, "OUTCOME_UNKNOWN", true),
        [TenantFault.StoreFull] = (StatusCode.Unavailable, "STORE_FULL", false),
        [TenantFault.JournalDamaged] = (StatusCode.DataLoss, "JOURNAL_DAMAGED", false),
        [TenantFault.Defect] = (StatusCode.Internal, "INTERNAL", false),
    };

    public static TheoryData<Outcome> EveryOutcome() =>
        [.. Enum.GetValues<Outcome>().Where(value => value != Outcome.Done)];

    public static TheoryData<TenantFault> EveryFault() => [.. Enum.GetValues<TenantFault>()];

    [Theory]
    [MemberData(nameof(EveryOutcome))]
    public void An_outcome_has_its_status_and_reason(Outcome outcome)
    {
        RpcException error = ErrorMap.Of(outcome);

        ErrorInfo info = error.GetRpcStatus()!.GetDetail<ErrorInfo>()!;
        Assert.Equal(Outcomes[outcome], (error.StatusCode, ReasonOf(info)));
        Assert.Equal("agentbudget", info.Domain);
        Assert.NotEmpty(error.Status.Detail);
    }

    [Theory]
    [MemberData(nameof(EveryFault))]
    public void A_fault_of_a_tenant_has_its_status_reason_and_retry(TenantFault fault)
    {
        RpcException error = ErrorMap.Of(new TenantException(fault, "group 7 of acme has a wrong hash"));

        (StatusCode code, string reason, bool isRetried) = Faults[fault];
        Assert.Equal((code, reason), (error.StatusCode, ReasonOf(error.GetRpcStatus()!.GetDetail<ErrorInfo>()!)));
        Assert.Equal(isRetried, error.GetRpcStatus()!.GetDetail<RetryInfo>() is not null);
        bool saysWhere = error.Status.Detail.Contains("group 7", StringComparison.Ordinal);
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
            error.Status.Detail);
        Assert.Equal(
            ["tags[feature]", "tags[environment]"],
            error.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations.Select(violation => violation.Field));
    }

    [Fact]
    public void A_long_list_of_faults_is_cut_in_the_message_and_whole_in_the_details()
    {
        List<Fault> faults = [.. Enumerable.Range(0, 50).Select(index => new Fault($"f{index}", "is wrong"))];

        RpcException error = ErrorMap.Of(Outcome.CatalogInvalid, faults);

        Assert.EndsWith("and 40 more.", error.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(50, error.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations.Count);
    }

    [Fact]
    public void What_a_catalog_may_not_remove_is_named()
    {
        RpcException error =
            ErrorMap.Of(Outcome.CatalogInUse, [new Fault("agents/writer", "has 2 open sessions")]);

        PreconditionFailure.Types.Violation named =
            Assert.Single(error.GetRpcStatus()!.GetDetail<PreconditionFailure>()!.Violations);
        Assert.Equal(("agents/writer", "has 2 open sessions"), (named.Subject, named.Description));
        Assert.Contains("agents/writer: has 2 open sessions", error.Status.Detail, StringComparison.Ordinal);
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
        IEnumerable<(StatusCode Code, string Reason)> mapped =
            [.. Outcomes.Values, .. Faults.Values.Select(fault => (fault.Code, fault.Reason))];
        foreach ((StatusCode code, string reason) in mapped)
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

    private static string SnakeCase(StatusCode code) => string.Concat(
        code.ToString().Select((letter, at) => at > 0 && char.IsUpper(letter) ? $"_{letter}" : $"{letter}"))
        .ToUpperInvariant();

    // The first field of the message, whatever it is called in the compiled class.
    private static string ReasonOf(ErrorInfo info) =>
        (string)ErrorInfo.Descriptor.FindFieldByNumber(1).Accessor.GetValue(info);
}
