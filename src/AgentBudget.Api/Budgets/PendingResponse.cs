using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;

namespace AgentBudget.Api.Budgets;

/// <summary>The response of a method that spends, as a task: viewed where it is taken.</summary>
internal sealed class PendingResponse<TRequest, TResponse>
    : PendingResult<PendingResponse<TRequest, TResponse>, TResponse>
{
    private SpendMethod<TRequest, TResponse>? _method;
    private string _tenant = "";
    private string _currency = "";

    internal static ValueTask<TResponse> SubmitAsync(
        ITenantHost host, TenantCommand command, SpendMethod<TRequest, TResponse> method, string currency)
    {
        PendingResponse<TRequest, TResponse> pending = Take();
        pending._method = method;
        pending._tenant = command.Tenant;
        pending._currency = currency;
        ValueTask<TResponse> response = pending.Completion;
        host.Submit(command.Tenant, command.Command, pending);
        return response;
    }

    protected override TResponse Result() =>
        ErrorMap.Of(this) is { } error ? throw error : _method!.View(Decided.Event!, _tenant, _currency);
}
