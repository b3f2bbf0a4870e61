using AgentBudget.Client;
using AgentBudget.Dashboard.Live;
using AgentBudget.Dashboard.Reading;
using AgentBudget.Dashboard.SigningIn;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Components;

namespace AgentBudget.Dashboard.Components;

/// <summary>A page that loads, follows the ledger, and says what to do where it cannot.</summary>
public abstract class LivePage : ComponentBase, IAsyncDisposable
{
    private readonly CancellationTokenSource _gone = new();
    private RenderPacer? _pacer;
    private SpendFeed? _feed;
    private string? _key;
    private bool _isReading;
    private bool _isTicking;
    private bool _isStale;

    /// <summary>Whether there is something to show.</summary>
    protected bool IsLoaded { get; private set; }

    /// <summary>Why there is not.</summary>
    protected PageFault? Fault { get; private set; }

    /// <summary>How the feed stands; null for a page without one.</summary>
    protected FeedState? Feed => _feed?.State;

    /// <summary>What the page is of: another value loads it anew.</summary>
    protected virtual string Key => "";

    /// <summary>Whether a role is offered the page. What a page asks of the API, the API refuses by itself.</summary>
    private protected virtual bool IsOffered => true;

    /// <summary>Fires when nobody looks any more.</summary>
    protected CancellationToken Gone => _gone.Token;

    [Inject]
    private protected Viewer Viewer { get; set; } = null!;

    [Inject]
    private protected LedgerReads Reads { get; set; } = null!;

    [Inject]
    private protected NavigationManager Navigation { get; set; } = null!;

    [Inject]
    private protected TimeProvider Time { get; set; } = null!;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _gone.CancelAsync();
        if (_feed is not null) await _feed.DisposeAsync();
        if (_pacer is not null) await _pacer.DisposeAsync();
        _gone.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    protected sealed override async Task OnParametersSetAsync()
    {
        if (_key == Key) return;
        _key = Key;
        IsLoaded = false;
        if (!await Viewer.FindAsync()) return; // The layout leads to the sign-in.
        if (!IsOffered)
        {
            Fault = PageFault.Forbidden;
            return;
        }

        if (_feed is not null) await _feed.DisposeAsync();
        _feed = null;
        await TryAsync(LoadAsync);
    }

    /// <summary>Reads what is shown first.</summary>
    protected abstract Task LoadAsync();

    /// <summary>Folds an event of the feed into what is shown.</summary>
    protected virtual void OnEvent(LedgerEvent told)
    {
    }

    /// <summary>Reads again what events made stale; at most once at a time, and never while nothing happens.</summary>
    protected virtual Task ReadAgainAsync() => Task.CompletedTask;

    /// <summary>Follows the ledger from an event on; 0 for from now on.</summary>
    private protected void Follow(SpendFilter filter, long from)
    {
        if (Gone.IsCancellationRequested) return;
        _feed = new SpendFeed(Viewer.Client, filter, from, Time, Pacer.Mark, Gone);
    }

    /// <summary>
    /// From now on reads again what no event tells of, for as long as somebody looks; it is begun once.
    /// </summary>
    protected void ReadEvery(TimeSpan pace)
    {
        if (_isTicking) return;
        _isTicking = true;
        _ = TickAsync(pace);
    }

    /// <summary>What is shown is not what is there: <see cref="ReadAgainAsync"/> is due.</summary>
    protected void MarkStale() => _isStale = true;

    /// <summary>Renders with the next ones.</summary>
    protected void RenderSoon() => _pacer?.Mark();

    /// <summary>Reads again now, after an act of whoever looks.</summary>
    protected Task ReadNowAsync() => TryAsync(ReadAgainAsync);

    /// <summary>Loads the page anew, after a fault.</summary>
    protected Task RetryAsync() => TryAsync(LoadAsync);

    private RenderPacer Pacer => _pacer ??= new RenderPacer(Time, () => InvokeAsync(TakeAsync));

    private async Task TickAsync(TimeSpan pace)
    {
        using PeriodicTimer timer = new(pace, Time);
        try
        {
            while (await timer.WaitForNextTickAsync(Gone))
            {
                MarkStale();
                Pacer.Mark();
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody looks any more.
        }
    }

    private async Task TryAsync(Func<Task> loadAsync)
    {
        try
        {
            await loadAsync();
            Fault = null;
            IsLoaded = true;
        }
        catch (AgentBudgetException fault)
        {
            Fault = PageFault.Of(fault);
        }
        catch (NotThereException fault)
        {
            Fault = new PageFault("Not here", fault.Message);
        }
        catch (Exception end) when (end is OperationCanceledException or ObjectDisposedException
            && (Gone.IsCancellationRequested || Viewer.Ended.IsCancellationRequested))
        {
            // Nobody looks any more, or whoever did has signed out; the layout leads to the sign-in.
        }
    }

    private async Task TakeAsync()
    {
        if (Gone.IsCancellationRequested) return;
        if (_feed is { } feed)
        {
            while (feed.TryTake(out LedgerEvent? told)) OnEvent(told!);
            if (feed.State == FeedState.SignedOut)
                Fault = new PageFault("You are signed out", "The credential was revoked or has expired.", true);
        }

        StateHasChanged();
        if (!_isStale || _isReading) return;
        (_isReading, _isStale) = (true, false);
        await TryAsync(ReadAgainAsync);
        _isReading = false;
        if (Gone.IsCancellationRequested) return;
        StateHasChanged();
        if (_isStale) _pacer!.Mark();
    }
}
