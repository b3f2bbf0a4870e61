using System.Diagnostics;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using Google.Rpc;
using Grpc.Core;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Errors;

/// <summary>The one place where an outcome of a turn, or a tenant's fault, becomes an error for the caller.</summary>
internal static class ErrorMap
{
    /// <summary>A bound that is reached now is often free again after the calls in flight.</summary>
    internal static readonly TimeSpan BoundRetry = TimeSpan.FromSeconds(1);

    /// <summary>Loading a tenant takes well below a second.</summary>
    private static readonly TimeSpan ReadyRetry = TimeSpan.FromMilliseconds(250);

    /// <summary>The store is read back before anything else is served.</summary>
    private static readonly TimeSpan UnknownRetry = TimeSpan.FromSeconds(1);

    /// <summary>The error of a command that was not done; null for one that was.</summary>
    internal static RpcException? Of(PendingCommand pending) =>
        pending.Failure is { } fault ? Of(fault)
        : pending.Decided.Outcome == Outcome.Done ? null
        : Of(pending.Decided.Outcome, pending.Decided.Faults);

    /// <summary>The error of an outcome other than <see cref="Outcome.Done"/>.</summary>
    internal static RpcException Of(Outcome outcome, IReadOnlyList<Fault>? faults = null)
    {
        IReadOnlyList<Fault> named = faults ?? [];
        return outcome switch
        {
            Outcome.Done => throw new UnreachableException("a command that is done is an answer"),
            Outcome.KeyReused => ApiErrors.Make(
                StatusCode.AlreadyExists,
                ErrorReason.KeyReused,
                "The request_id was used with other content; nothing was changed. Use a new id."),
            Outcome.TenantNotFound => ApiErrors.TenantNotFound(),
            Outcome.SessionNotFound => ApiErrors.SessionNotFound(),
            Outcome.ReservationNotFound => ApiErrors.ReservationNotFound(),
            Outcome.GrainNotFound => GrainNotFound("The catalog has no such grain."),
            Outcome.AgentNotFound => GrainNotFound("The catalog has no such agent."),
            Outcome.UseCaseNotFound => GrainNotFound("The catalog has no such use case."),
            Outcome.CredentialNotFound => ApiErrors.CredentialNotFound(),
            Outcome.CredentialEnded => ApiErrors.CredentialInvalid(),
            Outcome.AgentNotDelegated => ScopeExceeded("The parent's agent may not delegate to this agent.", named),
            Outcome.UseCaseNotDelegated => ScopeExceeded(
                "The parent's agent may not delegate to this use case.", named),
            Outcome.DisputeNotFound => NotFound(ErrorReason.DisputeNotFound, "There is no such open dispute."),
            Outcome.ExtensionRequestNotFound => NotFound(
                ErrorReason.ExtensionRequestNotFound,
                "There is no such request, or it was answered more than 24 hours ago."),
            Outcome.ExtensionRequestDecided => Failed(
                ErrorReason.ExtensionRequestDecided, "The request is answered; nothing was changed."),
            Outcome.AmountKindInvalid => InvalidField(
                "amount", "must be of the kind that is asked for: money as amount, tokens as amount_tokens", named),
            Outcome.AgentNotActive => Failed(
                ErrorReason.AgentNotActive,
                "The agent is suspended, for this user or for all, or decommissioned; nothing was changed."),
            Outcome.ReservationTerminal => Failed(
                ErrorReason.ReservationTerminal,
                "The reservation was settled, released or expired and cannot change again."),
            Outcome.ModelMissing => InvalidField(
                "model", "must name a model of the price book: the reservation holds no model's tokens", named),
            Outcome.EstimateIncomplete => InvalidField(
                "estimate.max_output_tokens", "must be given: the catalog has no maxOutputTokens of the model", named),
            Outcome.SessionNotOpen => Failed(
                ErrorReason.SessionNotOpen,
                "The session has ended, expired or been revoked: open a new one."),
            Outcome.UseCaseOutOfScope => ScopeExceeded("The agent may not work for this use case.", named),
            Outcome.ToolOutOfScope => ScopeExceeded("The agent may not use every tool asked for.", named),
            Outcome.ModelOutOfScope => ScopeExceeded("The agent may not use every model asked for.", named),
            Outcome.TagInvalid => InvalidField("tags", "has an undeclared tag, or a value that is not allowed", named),
            Outcome.CurrencyInvalid => InvalidField("currency_code", "is not the tenant's currency", named),
            Outcome.NoBudget => Failed(
                ErrorReason.NoBudget, "The grain has no such limit in the catalog that could be extended."),
            Outcome.TimeInvalid => InvalidField("expire_time", "must be after now", named),
            Outcome.CatalogInvalid => InvalidField("document", "does not agree with itself", named),
            Outcome.CatalogInUse => CatalogInUse(named),
            Outcome.AmountOverflow => ApiErrors.Make(
                StatusCode.OutOfRange,
                ErrorReason.AmountOverflow,
                "A sum would pass 9.2 billion currency units; nothing was changed."),
            Outcome.BoundReached => BoundReached(named),
            Outcome.UserOutOfScope => ScopeExceeded(
                "The session may not work for this user: see on_behalf_of in the details.", named),
            Outcome.RunCeilingReached => RunCeiling(named),
            Outcome.SessionSuspended => Failed(
                ErrorReason.SessionSuspended,
                "The session, or one above it, is suspended: have it resumed."),
            Outcome.SessionNotSuspended => Failed(
                ErrorReason.SessionNotSuspended, "The session is not suspended; there is nothing to resume."),
            Outcome.AdjustmentTooLarge => AdjustmentTooLarge(),
            Outcome.PriceVersionNotFound => InvalidField("price_version", "is no version of the price book", named),
            Outcome.ReratingOutdated => ReratingOutdated(),
            Outcome.CatalogOutdated => CatalogOutdated(named),
        };
    }

    private static RpcException NotFound(ErrorReason reason, string message) =>
        ApiErrors.Make(StatusCode.NotFound, reason, message);

    private static RpcException Failed(ErrorReason reason, string message) =>
        ApiErrors.Make(StatusCode.FailedPrecondition, reason, message);

    /// <summary>The error of a ledger that could not be read from its store.</summary>
    internal static RpcException Of(StoreException exception) =>
        Of(new TenantException(TenantFault.NotReady, "the ledger cannot be read now", exception));

    /// <summary>The error of a tenant that could not answer.</summary>
    internal static RpcException Of(TenantException exception) => exception.Fault switch
    {
        TenantFault.NotReady => ApiErrors.Make(
            StatusCode.Unavailable,
            ErrorReason.NotReady,
            "The tenant is being loaded or the service is stopping; nothing was changed. Retry.",
            ApiErrors.RetryAfter(ReadyRetry)),
        TenantFault.Busy => ApiErrors.Make(
            StatusCode.ResourceExhausted,
            ErrorReason.BoundReached,
            "Too many calls of this principal or its tenant wait; nothing was changed. Retry later.",
            ApiErrors.RetryAfter(BoundRetry)),
        TenantFault.OutcomeUnknown => ApiErrors.Make(
            StatusCode.Unavailable,
            ErrorReason.OutcomeUnknown,
            "The store did not say whether the write is durable: retry with the same request_id.",
            ApiErrors.RetryAfter(UnknownRetry)),
        TenantFault.StoreFull => ApiErrors.Make(
            StatusCode.Unavailable,
            ErrorReason.StoreFull,
            "The store has no space: reads are served, writes are not. Nothing was changed."),
        TenantFault.JournalDamaged => ApiErrors.Make(
            StatusCode.DataLoss, ErrorReason.JournalDamaged, exception.Message),
        TenantFault.Defect => ApiErrors.Defect(),
    };

    private static RpcException GrainNotFound(string message) =>
        ApiErrors.Make(StatusCode.NotFound, ErrorReason.GrainNotFound, message);

    private static RpcException AdjustmentTooLarge() => ApiErrors.Make(
        StatusCode.FailedPrecondition,
        ErrorReason.AdjustmentTooLarge,
        "The amount would credit more than was settled; nothing was changed.");

    private static RpcException ReratingOutdated() => ApiErrors.Make(
        StatusCode.Aborted,
        ErrorReason.ReratingOutdated,
        "Spend was rated again meanwhile; nothing was changed. Look at the difference anew.");

    private static RpcException CatalogOutdated(IReadOnlyList<Fault> faults) => ApiErrors.Make(
        StatusCode.Aborted,
        ErrorReason.CatalogOutdated,
        "The patch is of another catalog than the one in force; nothing was changed." + FieldFaults.Sentences(faults));

    private static RpcException InvalidField(string field, string description, IReadOnlyList<Fault> faults)
    {
        FieldFaults fields = default;
        foreach (Fault fault in faults)
            fields.Add(fault.Field, fault.Description);
        if (faults.Count == 0)
            fields.Add(field, description);
        return fields.ToException();
    }

    private static RpcException ScopeExceeded(string message, IReadOnlyList<Fault> faults)
    {
        if (faults.Count == 0)
            return ApiErrors.Make(StatusCode.PermissionDenied, ErrorReason.ScopeExceeded, message);
        BadRequest detail = new();
        foreach (Fault fault in faults)
            detail.FieldViolations.Add(
                new BadRequest.Types.FieldViolation { Field = fault.Field, Description = fault.Description });
        return ApiErrors.Make(StatusCode.PermissionDenied, ErrorReason.ScopeExceeded, message, detail);
    }

    private static RpcException CatalogInUse(IReadOnlyList<Fault> faults)
    {
        PreconditionFailure detail = new();
        foreach (Fault fault in faults)
        {
            detail.Violations.Add(new PreconditionFailure.Types.Violation
            {
                Type = ApiErrors.NameOf(ErrorReason.CatalogInUse),
                Subject = fault.Field,
                Description = fault.Description,
            });
        }

        string message = "The catalog removes what is in use; nothing was changed." + FieldFaults.Sentences(faults);
        return ApiErrors.Make(StatusCode.FailedPrecondition, ErrorReason.CatalogInUse, message, detail);
    }

    private static RpcException RunCeiling(IReadOnlyList<Fault> faults)
    {
        ErrorInfo info = ApiErrors.ErrorInfoOf(ErrorReason.RunCeiling);
        QuotaFailure detail = new();
        foreach (Fault fault in faults)
        {
            detail.Violations.Add(
                new QuotaFailure.Types.Violation { Subject = fault.Field, Description = fault.Description });
            info.Metadata["ceiling"] = fault.Field;
            info.Metadata["limit"] = $"{fault.Limit}";
            info.Metadata["left"] = $"{fault.Left}";
        }

        string message = "A run ceiling is reached; nothing was changed." + FieldFaults.Sentences(faults);
        return ApiErrors.Make(StatusCode.ResourceExhausted, message, [info, detail]);
    }

    private static RpcException BoundReached(IReadOnlyList<Fault> faults)
    {
        QuotaFailure detail = new();
        foreach (Fault fault in faults)
        {
            detail.Violations.Add(
                new QuotaFailure.Types.Violation { Subject = fault.Field, Description = fault.Description });
        }

        string message = "A bound of the service is reached; nothing was changed." + FieldFaults.Sentences(faults);
        return ApiErrors.Make(
            StatusCode.ResourceExhausted,
            ErrorReason.BoundReached,
            message,
            ApiErrors.RetryAfter(BoundRetry),
            detail);
    }
}
