-- Takings per store. A return's total is negative and counts as such; what was rung up in training is none.
SELECT store_id, count(*) AS receipts, sum(total_cents) AS revenue_cents
FROM ice.${namespace}.pos
WHERE store_id > 0 AND NOT training
GROUP BY store_id
ORDER BY store_id;
