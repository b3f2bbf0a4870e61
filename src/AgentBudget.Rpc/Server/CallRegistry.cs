namespace AgentBudget.Rpc.Server;

/// <summary>
/// The calls that something must watch from outside: streams, and calls whose message has not arrived. The others, the
/// many, never enter. Lists linked through the calls themselves, in stripes, so that entering allocates nothing and
/// rarely waits.
/// </summary>
internal sealed class CallRegistry
{
    // More than the cores of the machines that this runs on, so that two calls seldom meet.
    private const int StripeCount = 32;

    private readonly Stripe[] _stripes = new Stripe[StripeCount];

    internal CallRegistry()
    {
        for (int i = 0; i < StripeCount; i++)
            _stripes[i] = new Stripe();
    }

    internal void Add(HttpCall call)
    {
        Stripe stripe = StripeOf(call);
        lock (stripe.Gate)
        {
            call.NextWatched = stripe.First;
            if (stripe.First is not null)
                stripe.First.PreviousWatched = call;
            stripe.First = call;
        }
    }

    /// <summary>After this returns no visitor holds the call.</summary>
    internal void Remove(HttpCall call)
    {
        Stripe stripe = StripeOf(call);
        lock (stripe.Gate)
        {
            if (call.PreviousWatched is null)
                stripe.First = call.NextWatched;
            else
                call.PreviousWatched.NextWatched = call.NextWatched;
            if (call.NextWatched is not null)
                call.NextWatched.PreviousWatched = call.PreviousWatched;
            call.PreviousWatched = null;
            call.NextWatched = null;
        }
    }

    /// <summary>Shows every call to the visitor, which must be quick and must start nothing inline.</summary>
    internal void Visit(Action<HttpCall> visitor)
    {
        foreach (Stripe stripe in _stripes)
        {
            lock (stripe.Gate)
            {
                for (HttpCall? call = stripe.First; call is not null; call = call.NextWatched)
                    visitor(call);
            }
        }
    }

    private Stripe StripeOf(HttpCall call) => _stripes[call.Number % StripeCount];

    private sealed class Stripe
    {
        internal readonly Lock Gate = new();
        internal HttpCall? First;
    }
}
