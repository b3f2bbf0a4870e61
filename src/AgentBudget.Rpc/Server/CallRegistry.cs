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

    /// <summary>How many calls are in it, roughly while they come and go.</summary>
    internal int Count
    {
        get
        {
            int count = 0;
            foreach (Stripe stripe in _stripes)
                count += Volatile.Read(ref stripe.Count);
            return count;
        }
    }

    internal void Add(HttpCall call)
    {
        Stripe stripe = StripeOf(call);
        lock (stripe.Gate)
        {
            call.IsWatched = true;
            stripe.Count++;
            call.NextWatched = stripe.First;
            if (stripe.First is not null)
                stripe.First.PreviousWatched = call;
            stripe.First = call;
        }
    }

    /// <summary>After this returns no visitor holds the call. A visitor may remove the call that it is shown, as the
    /// last that it does with it.</summary>
    internal void Remove(HttpCall call)
    {
        Stripe stripe = StripeOf(call);
        lock (stripe.Gate)
        {
            if (!call.IsWatched)
                return;
            stripe.Count--;
            if (call.PreviousWatched is null)
                stripe.First = call.NextWatched;
            else
                call.PreviousWatched.NextWatched = call.NextWatched;
            if (call.NextWatched is not null)
                call.NextWatched.PreviousWatched = call.PreviousWatched;
            call.PreviousWatched = null;
            call.NextWatched = null;
            call.IsWatched = false;
        }
    }

    /// <summary>Shows every call to the visitor, which must be quick and must start nothing inline.</summary>
    internal void Visit(Action<HttpCall> visitor)
    {
        foreach (Stripe stripe in _stripes)
        {
            lock (stripe.Gate)
            {
                HttpCall? next;
                for (HttpCall? call = stripe.First; call is not null; call = next)
                {
                    next = call.NextWatched;
                    visitor(call);
                }
            }
        }
    }

    private Stripe StripeOf(HttpCall call) => _stripes[call.Number % StripeCount];

    private sealed class Stripe
    {
        internal readonly Lock Gate = new();
        internal HttpCall? First;
        internal int Count;
    }
}
