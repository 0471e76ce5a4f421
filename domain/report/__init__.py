"""The end-of-day report: what is counted, how it is put together, and how it is compared with the exchange's books."""
