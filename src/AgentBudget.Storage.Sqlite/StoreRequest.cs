namespace AgentBudget.Storage.Sqlite;

/// <summary>Something that the store's thread does between two commits.</summary>
internal abstract class StoreRequest
{
    public abstract void Run();

    public abstract void Fail(Exception exception);
}

/// <summary>A request with a result.</summary>
internal sealed class StoreRequest<T>(Func<T> run, CancellationToken cancellationToken) : StoreRequest
{
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Result => _result.Task;

    public override void Run()
    {
        if (cancellationToken.IsCancellationRequested) _result.TrySetCanceled(cancellationToken);
        else _result.TrySetResult(run());
    }

    public override void Fail(Exception exception) => _result.TrySetException(exception);
}
