-- Takings per store. A return's total is negative and counts as such.
SELECT store_id, count(*) AS receipts, sum(total_cents) AS revenue_cents
FROM ice.retail.pos
WHERE store_id > 0
GROUP BY store_id
ORDER BY store_id;
